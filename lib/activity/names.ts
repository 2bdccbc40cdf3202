import type { Snapshot } from "../policy/snapshot.ts";

/** What people call the ids that entries name. */
export interface Names {
  /** The name of a member (their e-mail address), an agent or a key; null when there is none such. */
  of(id: string): string | null;
  /** The id that somebody means by a name; of several of that name the oldest. Null for none. */
  idOf(name: string): string | null;
}

/** No names at all: ids speak for themselves. */
export const NO_NAMES: Names = { of: () => null, idOf: () => null };

/** The names that an org's members, agents and keys have now; who is gone has none any more. */
export function namesOf(
  { members, agents, apiKeys, grants }: Pick<
    Snapshot,
    "members" | "agents" | "apiKeys" | "grants"
  >,
): Names {
  const names = new Map<string, string>();
  const ids = new Map<string, string>();
  const add = (id: string, name: string) => {
    names.set(id, name);
    const known = ids.get(name.toLowerCase());
    if (known === undefined || id < known) ids.set(name.toLowerCase(), id);
  };
  for (const { id, name } of apiKeys.values()) add(id, name);
  for (const { id, name } of agents.values()) add(id, name);
  for (const { id, client_name } of grants.values()) add(id, client_name);
  // Last, and in place of others: a key that is named like a member must not hide them.
  for (const { id, email } of members.values()) {
    names.set(id, email);
    ids.set(email.toLowerCase(), id);
  }
  return {
    of: (id) => names.get(id) ?? null,
    idOf: (name) => ids.get(name.toLowerCase()) ?? null,
  };
}
