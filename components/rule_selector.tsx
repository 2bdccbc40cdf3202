import type { Selector } from "../lib/store/records/policy.ts";
import { UntrustedText } from "./untrusted_text.tsx";

const PARTS = [
  ["tool_name", "tool"],
  ["method", "method"],
  ["resource_id", "resource"],
  ["tag", "tag"],
  ["tenant_id", "tenant"],
] as const satisfies readonly (readonly [keyof Selector, string])[];

/** Which actions a rule speaks of: each part under its name, as it is compared. */
export function RuleSelector({ selector, without = [] }: {
  readonly selector: Selector;
  /** Parts that are clear from where it stands. */
  readonly without?: readonly (keyof Selector)[];
}) {
  const named = PARTS.filter(([part]) => selector[part] !== null && !without.includes(part));
  return (
    <span class="rule-selector">
      {named.map(([part, word]) => (
        <span key={part} class="rule-part">
          <span class="rule-part-name">{word}</span>{" "}
          <UntrustedText text={selector[part] ?? ""} mono />
        </span>
      ))}
    </span>
  );
}

/** The same as plain text, for titles. */
export function selectorText(selector: Selector): string {
  return PARTS.flatMap(([part, word]) => {
    const value = selector[part];
    return value === null ? [] : [`${word} ${value}`];
  }).join(", ");
}
