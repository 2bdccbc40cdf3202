import { z } from "zod";
import type { Operation } from "../ledger/operation.ts";
import type { Services } from "../services.ts";
import { DEPLOYMENT_ORG, orgKey, orgPrefix } from "../store/keys.ts";
import { listRecords, MalformedRecord } from "../store/kv.ts";
import { orgRecord } from "../store/records/policy.ts";

const WHAT = "A second approval that nobody can give is refused from now on, no longer skipped. " +
  "An owner may allow one approval again under Settings, with a passkey.";

/**
 * Switches `strict_levels` on in every org where it is off and nobody chose that, for it was the
 * default once: a step of the store's migration. Does so once, whichever node does, with an entry and a line on the console;
 * what an owner chose under a passkey stays.
 */
export async function makeLevelsStrict({ deps, ledgers }: Services): Promise<void> {
  const orgs = listRecords(deps.kv, { prefix: [...orgPrefix()] }, z.unknown());
  for await (const { key, value } of orgs) {
    const org = String(key[1]);
    const record = orgRecord.safeParse(value);
    if (org === DEPLOYMENT_ORG || !record.success || !isUnchosen(record.data)) continue;
    try {
      if (await ledgers.transact(org, switchOn)) deps.log("warn", WHAT, { org });
    } catch (error) {
      // The org is strict all the same (`isStrict`), and its own requests say what is broken.
      if (!(error instanceof MalformedRecord)) throw error;
      deps.log("error", error.message, { org });
    }
  }
}

const switchOn: Operation<void, boolean> = {
  plan(transaction) {
    const { snapshot } = transaction;
    if (!snapshot.exists || !isUnchosen(snapshot.org)) return false;
    const { orgId: org } = snapshot;
    transaction.setPolicy(orgKey(org), { ...snapshot.org, strict_levels: true });
    transaction.append({
      type: "org.set",
      actor: { type: "system", id: "start" },
      subject: { org },
      data: { changed: { strict_levels: true }, policy_version: transaction.policyVersion },
    });
    return true;
  },
};

function isUnchosen({ strict_levels, strict_levels_by, deleted_at }: {
  readonly strict_levels: boolean;
  readonly strict_levels_by: string | null;
  readonly deleted_at?: number;
}): boolean {
  return !strict_levels && strict_levels_by === null && deleted_at === undefined;
}
