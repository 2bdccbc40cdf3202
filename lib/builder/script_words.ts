import { type Item, ITEM_KINDS, type ItemKind } from "./item.ts";

const NAMES: Readonly<Record<ItemKind, readonly [one: string, several: string]>> = {
  tool: ["tool", "tools"],
  tenant: ["tenant", "tenants"],
  resource: ["resource", "resources"],
  rule: ["rule", "rules"],
  agent: ["agent", "agents"],
  key: ["key", "keys"],
};

/** What a script says of itself, in lines. None of it was typed by anybody. */
export function headWords(items: readonly Item[], command: string): string[] {
  const makesSecrets = items.some(({ kind }) => kind === "agent" || kind === "key");
  return [
    `Makes ${countsText(items)} in Countersign.`,
    `Put a management key into COUNTERSIGN_KEY, then run: ${command}`,
    makesSecrets
      ? "Run again it makes agents and keys anew; all else is put in the place of what is there."
      : "It can be run again: everything is put in the place of what is there.",
  ];
}

/** Such as "2 tools, 1 rule"; "nothing yet" for none. */
export function countsText(items: readonly Item[]): string {
  const counts = ITEM_KINDS.flatMap((kind) => {
    const count = items.filter((item) => item.kind === kind).length;
    return count === 0 ? [] : [`${count} ${NAMES[kind][count === 1 ? 0 : 1]}`];
  });
  return counts.length === 0 ? "nothing yet" : counts.join(", ");
}
