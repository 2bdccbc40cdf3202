import type { Snapshot } from "../../lib/policy/snapshot.ts";

/** The name of a tool that an example can ask about; null while none is approved. */
export function firstTool({ tools }: Pick<Snapshot, "tools">): string | null {
  const approved = [...tools.values()].filter(({ status }) => status === "approved");
  return approved.map(({ name }) => name).sort()[0] ?? null;
}
