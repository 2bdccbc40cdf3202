import type { ComponentChildren } from "preact";
import { ButtonLink } from "./button.tsx";
import CopyButton from "./copy_button.tsx";
import { Notice, Section } from "./layout.tsx";
import { type Crumb, PageHeader } from "./page_header.tsx";

/** Code, secrets that are shown once, and recovery codes. */

export interface CodeBlockProps {
  readonly code: string;
  /** What it is, over the block, such as the language or the file's name. */
  readonly label?: string;
  /** A copy button; an island renders it, since copying needs script. */
  readonly copy?: ComponentChildren;
  /** False keeps long lines whole and lets the block scroll within itself. */
  readonly wrap?: boolean;
}

/** Text to be copied or read letter by letter. */
export function CodeBlock({ code, label, copy, wrap = true }: CodeBlockProps) {
  return (
    <div class="code">
      {(label !== undefined || copy !== undefined) && (
        <div class="code-head">
          <span class="code-label">{label}</span>
          {copy}
        </div>
      )}
      <pre class={wrap ? "code-wrap" : "code-scroll"} tabIndex={wrap ? undefined : 0}>
        <code>{code}</code>
      </pre>
    </div>
  );
}

/** An id, a name or a digest within a sentence; it wraps anywhere. */
export function Mono({ children }: { readonly children: ComponentChildren }) {
  return <code class="mono">{children}</code>;
}

export interface NewSecretProps {
  readonly title: ComponentChildren;
  readonly breadcrumb: readonly Crumb[];
  /** What the secret is, such as "Token". */
  readonly label: string;
  /** What acts by it, or is signed by it. */
  readonly holder: "agent" | "key" | "webhook";
  readonly secret: string;
  /** What was void from this moment on, and what else is to be known. */
  readonly children?: ComponentChildren;
  /** Commands that show that it works; absent where it is tried elsewhere. */
  readonly command?: string;
  /** What the commands do. */
  readonly commandSays?: string;
  /** Where one goes on. */
  readonly next: { readonly label: string; readonly href: string };
}

/** A secret, this once, and how it is used. */
export function NewSecret(props: NewSecretProps) {
  const { title, breadcrumb, label, holder, secret, children, command, commandSays, next } = props;
  return (
    <>
      <PageHeader title={title} breadcrumb={breadcrumb} />
      <Notice tone="warning" live={false} title={`Copy the ${label.toLowerCase()} now`}>
        You won't see it again. Anyone who has it can{" "}
        {holder === "webhook"
          ? "send your receiver what looks like ours"
          : `act as this ${holder}`}: keep it where your program reads its secrets, and nowhere
        else.
      </Notice>
      <Section title={label}>
        <div class="stack">
          <CodeBlock code={secret} copy={<CopyButton text={secret} label="Copy" />} label={label} />
          {children}
        </div>
      </Section>
      {command !== undefined && (
        <Section title="Try it" description={commandSays}>
          <CodeBlock
            label="Shell"
            code={command}
            copy={<CopyButton text={command} label="Copy" />}
          />
        </Section>
      )}
      <p>
        <ButtonLink href={next.href} variant="primary">{next.label}</ButtonLink>
      </p>
    </>
  );
}

/** A recovery code in groups that are easily read aloud and typed; it counts with or without them. */
export function groupedCode(code: string): string {
  return [0, 5, 10, 15, 20].map((from) => code.slice(from, from === 20 ? undefined : from + 5))
    .join("-");
}

/** The text of a file with recovery codes: whose they are, where they count, and how. */
export function recoveryCodesText({ codes, origin, email }: {
  /** In groups. */
  readonly codes: readonly string[];
  readonly origin: string;
  readonly email: string;
}): string {
  return `Recovery codes of ${email}
for Countersign at ${origin}

${codes.join("\n")}

Each works once, together with a code from your mailbox: ${origin}/recover
`;
}
