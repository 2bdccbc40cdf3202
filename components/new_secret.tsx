import type { ComponentChildren } from "preact";
import { ButtonLink } from "./button.tsx";
import { CodeBlock } from "./code.tsx";
import CopyButton from "./copy_button.tsx";
import { type Crumb, PageHeader } from "./layout.tsx";
import { Notice } from "./notice.tsx";
import { Section } from "./section.tsx";

export interface NewSecretProps {
  readonly title: ComponentChildren;
  readonly breadcrumb: readonly Crumb[];
  /** What the secret is, such as "Token". */
  readonly label: string;
  readonly secret: string;
  /** What was void from this moment on, and what else is to be known. */
  readonly children?: ComponentChildren;
  /** Commands that show that it works. */
  readonly command: string;
  /** What the commands do. */
  readonly commandSays: string;
  /** Where one goes on. */
  readonly next: { readonly label: string; readonly href: string };
}

/** A secret, this once, and how it is used. */
export function NewSecret(props: NewSecretProps) {
  const { title, breadcrumb, label, secret, children, command, commandSays, next } = props;
  return (
    <>
      <PageHeader title={title} breadcrumb={breadcrumb} />
      <Notice tone="warning" live={false} title="Copy it now: it is shown only once">
        Only its hash is stored. Keep it where your program reads its secrets, and nowhere else.
      </Notice>
      <Section title={label}>
        <div class="stack">
          <CodeBlock code={secret} copy={<CopyButton text={secret} label="Copy" />} label={label} />
          {children}
        </div>
      </Section>
      <Section title="Try it" description={commandSays}>
        <CodeBlock
          label="Shell"
          code={command}
          copy={<CopyButton text={command} label="Copy" />}
        />
      </Section>
      <p>
        <ButtonLink href={next.href} variant="primary">{next.label}</ButtonLink>
      </p>
    </>
  );
}
