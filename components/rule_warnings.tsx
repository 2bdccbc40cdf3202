import type { RuleWarning } from "../lib/policy/rule_warnings.ts";
import { Notice } from "./notice.tsx";

/** What a warning of a rule means, as a sentence. */
export function warningWords({ fact, tool_name }: RuleWarning): string {
  const whose = tool_name === null ? "not every tool requires one" : `${tool_name} requires none`;
  return `It rests on the ${fact} that a call names, and ${whose}: ` +
    "leaving it out passes the rule.";
}

/** What is to be said of a rule that disables; nothing when there is nothing. */
export function RuleWarnings({ warnings }: { readonly warnings: readonly RuleWarning[] }) {
  if (warnings.length === 0) return null;
  return (
    <Notice tone="warning" title="The rule stops less than it says" live={false}>
      {warnings.map((warning) => <p key={warning.fact}>{warningWords(warning)}</p>)}
      <p>
        Require the fact in the tool, or list the methods that it takes. Surer still: disable the
        tool by default, and allow what is meant.
      </p>
    </Notice>
  );
}
