import type { ComponentChildren } from "preact";

export interface SectionProps {
  readonly title: ComponentChildren;
  readonly description?: ComponentChildren;
  /** Buttons of the section. */
  readonly actions?: ComponentChildren;
  /** Target of links within the page. */
  readonly id?: string;
  /** `card` frames the content, `danger` warns of it, `plain` leaves it open. */
  readonly look?: "card" | "plain" | "danger";
  readonly children: ComponentChildren;
}

/** A part of a page under its own heading. */
export function Section(props: SectionProps) {
  const { title, description, actions, id, look = "card", children } = props;
  return (
    <section class={`section section-${look}`} id={id}>
      <div class="section-head">
        <div>
          <h2>{title}</h2>
          {description !== undefined && <p class="section-description">{description}</p>}
        </div>
        {actions !== undefined && <div class="section-actions">{actions}</div>}
      </div>
      <div class="section-body">{children}</div>
    </section>
  );
}

/** A frame around what needs no heading. */
export function Card({ children }: { readonly children: ComponentChildren }) {
  return <div class="card">{children}</div>;
}
