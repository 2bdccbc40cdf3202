import { Icon, type IconName } from "./icon.tsx";
import { type Segment, visibleSegments, withinQuotes } from "../lib/base/text.ts";

export interface UntrustedProps {
  readonly segments: readonly Segment[];
  /** Monospace, for ids and arguments. */
  readonly mono?: boolean;
}

/**
 * What an agent or a stranger wrote, whole: what cannot be seen is named, and nothing in it can
 * turn the direction of the text around it.
 */
export function Untrusted({ segments, mono = false }: UntrustedProps) {
  return (
    <bdi class={mono ? "untrusted mono" : "untrusted"}>
      {segments.map(({ text, hidden }, index) =>
        hidden === null
          ? text
          : (
            <span key={index} class="hidden-char" title={`Invisible character ${hidden}`}>
              ⟨{hidden}⟩
            </span>
          )
      )}
    </bdi>
  );
}

/** `Untrusted` for text as it is stored. */
export function UntrustedText({ text, mono = false }: {
  readonly text: string;
  readonly mono?: boolean;
}) {
  return <Untrusted segments={visibleSegments(text)} mono={mono} />;
}

/** What a name names, as its icon shows. */
const NAMED: Readonly<Partial<Record<string, IconName>>> = {
  agent: "agent",
  api_key: "key",
  oauth_grant: "link",
  tenant: "building",
  resource: "resource",
};

/** A name within a sentence, set apart from our own words, with the icon of what it names. */
export function Name({ kind, text }: { readonly kind: string; readonly text: string }) {
  const icon = NAMED[kind];
  return (
    <b class="name">
      {icon !== undefined && <Icon name={icon} size="small" />}
      <UntrustedText text={text} mono={kind === "tool" || kind === "method"} />
    </b>
  );
}

/**
 * What a program calls itself, in quotation marks that nothing in it can close: it chose the name, and
 * may have chosen a sentence that reads like one of ours.
 */
export function ProgramName({ name }: { readonly name: string }) {
  return (
    <span class="program-name">
      “<UntrustedText text={withinQuotes(name)} />”
    </span>
  );
}
