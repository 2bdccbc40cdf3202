import { type ComponentChildren, createContext } from "preact";
import { useContext } from "preact/hooks";
import { Button, ButtonLink } from "./button.tsx";
import { Icon, type IconName } from "./icon.tsx";

/**
 * The parts that a page is laid out of: sections, notices, folds, facts, steps, tabs. None of them
 * frames another.
 */

export interface SectionProps {
  readonly title: ComponentChildren;
  readonly description?: ComponentChildren;
  /** Buttons of the section. */
  readonly actions?: ComponentChildren;
  /** Target of links within the page. */
  readonly id?: string;
  readonly children: ComponentChildren;
}

/** A part of a page under its own heading. */
export function Section({ title, description, actions, id, children }: SectionProps) {
  return (
    <section class="section" id={id}>
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

export interface DangerSectionProps {
  /** Names it within the page. */
  readonly id: string;
  /** What would be done, as its button says it. */
  readonly title: ComponentChildren;
  /** How things stand, such as `Kill switch off`. */
  readonly state?: ComponentChildren;
  /** What follows from it. */
  readonly description?: ComponentChildren;
  /** True where the form within it was refused, and says why. */
  readonly open?: boolean;
  /** The form, whose one button, within `SheetActions`, does it. */
  readonly children: ComponentChildren;
}

/**
 * What cannot be taken back: a quiet row that opens a sheet over the page, without script, to say
 * what follows and to ask. One sheet is open at a time, so that there is never a second red button.
 */
export function DangerSection(props: DangerSectionProps) {
  const { id, title, state, description, open = false, children } = props;
  const sheet = `${id}-sheet`;
  return (
    <section class="danger" id={id}>
      <button type="button" class="danger-row" popovertarget={sheet} aria-haspopup="dialog">
        {state !== undefined && <span class="danger-state">{state}</span>}
        <span class="danger-title">{title}…</span>
      </button>
      <div
        class="sheet confirmation"
        id={sheet}
        role="dialog"
        aria-labelledby={`${sheet}-title`}
        {...(open ? {} : { popover: "auto" })}
      >
        <h2 id={`${sheet}-title`} tabIndex={-1} autofocus={open}>{title}</h2>
        {description !== undefined && <p class="section-description">{description}</p>}
        <OpenSheet.Provider value={open ? null : sheet}>{children}</OpenSheet.Provider>
      </div>
    </section>
  );
}

/** The sheet that a button is in; null for one that came with the page, undefined for no sheet. */
const OpenSheet = createContext<string | null | undefined>(undefined);

/** The end of the form in a sheet: the way back, and the one button that does it. */
export function SheetActions({ children }: { readonly children: ComponentChildren }) {
  const sheet = useContext(OpenSheet);
  return (
    <div class="sheet-actions">
      {sheet === null && <ButtonLink href="">Cancel</ButtonLink>}
      {typeof sheet === "string" && (
        <Button type="button" popovertarget={sheet} popovertargetaction="hide">Cancel</Button>
      )}
      {children}
    </div>
  );
}

export interface EmptyStateProps {
  readonly icon: IconName;
  /** What would be here. */
  readonly title: string;
  /** How something comes to be here. */
  readonly children?: ComponentChildren;
  /** The button that makes the first one. */
  readonly action?: ComponentChildren;
}

/** What stands where nothing is yet. */
export function EmptyState({ icon, title, children, action }: EmptyStateProps) {
  return (
    <div class="empty">
      <span class="empty-icon">
        <Icon name={icon} size="large" />
      </span>
      <p class="empty-title">{title}</p>
      {children !== undefined && <div class="empty-text">{children}</div>}
      {action !== undefined && <div class="empty-action">{action}</div>}
    </div>
  );
}

export type NoticeTone = "info" | "success" | "warning" | "danger";

const ICONS: Readonly<Record<NoticeTone, IconName>> = {
  info: "info",
  success: "check_circle",
  warning: "warning",
  danger: "cross_circle",
};

export interface NoticeProps {
  readonly tone: NoticeTone;
  readonly title?: ComponentChildren;
  readonly children?: ComponentChildren;
  /** What can be done about it. */
  readonly actions?: ComponentChildren;
  /** False for what was on the page all along: it is not announced. */
  readonly live?: boolean;
}

/** Something that the reader has to know now. Warnings and dangers interrupt a screen reader. */
export function Notice({ tone, title, children, actions, live = true }: NoticeProps) {
  const urgent = tone === "danger" || tone === "warning";
  return (
    <div
      class={`notice notice-${tone}`}
      role={live ? (urgent ? "alert" : "status") : undefined}
    >
      <Icon name={ICONS[tone]} />
      <div class="notice-body">
        {title !== undefined && <p class="notice-title">{title}</p>}
        {children !== undefined && <div class="notice-text">{children}</div>}
        {actions !== undefined && <div class="notice-actions">{actions}</div>}
      </div>
    </div>
  );
}

export interface DisclosureProps {
  /** What stands there when it is closed. */
  readonly summary: ComponentChildren;
  readonly open?: boolean;
  readonly children: ComponentChildren;
}

/** Something that is opened to be read, without script. */
export function Disclosure({ summary, open = false, children }: DisclosureProps) {
  return (
    <details class="disclosure" open={open}>
      <summary>
        <Icon name="chevron_right" size="small" />
        <span class="disclosure-summary">{summary}</span>
      </summary>
      <div class="disclosure-body">{children}</div>
    </details>
  );
}

/** One fact about a thing. */
export interface Definition {
  readonly term: string;
  readonly value: ComponentChildren;
  /** Monospace, for ids and digests. */
  readonly mono?: boolean;
}

/** Facts about a thing: names at the left, values at the right, one under the other on a phone. */
export function Definitions({ items }: { readonly items: readonly Definition[] }) {
  return (
    <dl class="definitions">
      {items.map(({ term, value, mono }) => (
        <div key={term} class="definition">
          <dt>{term}</dt>
          <dd class={mono ? "mono" : undefined}>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export interface StatProps {
  readonly label: string;
  readonly value: ComponentChildren;
  /** What the number counts, or how it changed. */
  readonly note?: ComponentChildren;
  /** Where the number comes from. */
  readonly href?: string;
}

/** One number, large. */
export function Stat({ label, value, note, href }: StatProps) {
  return (
    <div class="stat">
      <dt class="stat-label">{href === undefined ? label : <a href={href}>{label}</a>}</dt>
      <dd class="stat-value">
        {value}
        {note !== undefined && <span class="stat-note">{note}</span>}
      </dd>
    </div>
  );
}

/** Numbers side by side. */
export function Stats({ children }: { readonly children: ComponentChildren }) {
  return <dl class="stats">{children}</dl>;
}

/** One step of a way. */
export interface Step {
  readonly title: string;
  readonly state: "done" | "current" | "later";
  readonly content?: ComponentChildren;
}

const STEP_WORDS = { done: "Done", current: "Now", later: "Later" } as const;

/** A way in numbered steps; what is done is ticked off. */
export function Steps({ steps }: { readonly steps: readonly Step[] }) {
  return (
    <ol class="steps">
      {steps.map(({ title, state, content }, index) => (
        <li
          key={title}
          class={`step step-${state}`}
          aria-current={state === "current" ? "step" : undefined}
        >
          <span class="step-mark" aria-hidden="true">
            {state === "done" ? <Icon name="check" size="small" /> : index + 1}
          </span>
          <div class="step-body">
            <h2 class="step-title">
              {title}
              <span class="visually-hidden">{`, ${STEP_WORDS[state]}`}</span>
            </h2>
            {content !== undefined && <div class="step-content">{content}</div>}
          </div>
        </li>
      ))}
    </ol>
  );
}

/** One view of a page. */
export interface Tab {
  readonly label: string;
  readonly href: string;
  readonly current: boolean;
  /** How many things it shows. */
  readonly count?: number | undefined;
  /** By which a live page finds the count; it writes `[data-waiting]` anew. */
  readonly name?: string;
}

/** Views of one page, as links. */
export function Tabs({ label, tabs }: { readonly label: string; readonly tabs: readonly Tab[] }) {
  return (
    <nav class="tabs" aria-label={label}>
      <ul>
        {tabs.map((tab) => (
          <li key={tab.href}>
            <a class="tab" href={tab.href} aria-current={tab.current ? "page" : undefined}>
              {tab.label}
              {tab.count !== undefined && (
                <span class="tab-count" data-waiting={tab.name}>{tab.count}</span>
              )}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}
