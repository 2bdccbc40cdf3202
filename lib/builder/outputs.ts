import type { JsonObject } from "../json/json_value.ts";
import { policyText } from "../onboarding/builder_plan.ts";
import { pythonScript } from "../onboarding/builder_scripts.ts";
import { bashScript } from "./bash_script.ts";
import type { Item } from "./item.ts";
import { typescriptScript } from "./typescript_script.ts";

/** What a plan is made into. */
export const OUTPUTS = [
  { key: "curl", label: "curl", file: "seed.sh" },
  { key: "typescript", label: "TypeScript", file: "seed.mts" },
  { key: "python", label: "Python", file: "seed.py" },
  { key: "policy", label: "Policy document", file: "policy.json" },
] as const;

export type OutputKey = (typeof OUTPUTS)[number]["key"];

/** The output that a name stands for; the first for any other. */
export function outputOf(key: string): (typeof OUTPUTS)[number] {
  return OUTPUTS.find((output) => output.key === key) ?? OUTPUTS[0];
}

/**
 * The text of an output.
 * @param current the policy that the document begins with; null for none
 */
export function outputText(
  key: OutputKey,
  items: readonly Item[],
  { origin, current }: { readonly origin: string; readonly current: JsonObject | null },
): string {
  switch (key) {
    case "curl":
      return bashScript(items, origin);
    case "typescript":
      return typescriptScript(items, origin);
    case "python":
      return pythonScript(items, origin);
    case "policy":
      return policyText(items, current);
  }
}
