import type { Deps } from "../deps.ts";
import type { CallerOperation } from "../identity/acting.ts";
import { actorOf, type Client } from "../identity/caller.ts";
import { demand } from "../identity/deeds.ts";
import { activeLogKey, makeLogKey, publicLogKey, signerOf } from "../ledger/checkpoints.ts";
import type { Placed } from "../ledger/entry.ts";
import { markErased } from "../ledger/erase_private.ts";
import { logKeyKey } from "../store/keys.ts";
import { type LogKeyRecord, logKeyRecord } from "../store/records/log.ts";
import { type PublishedLogKey, publishedLogKey } from "../tlog/log_key.ts";
import { type KeyRotation, signRotation } from "../tlog/rotation.ts";
import { ROTATION_TYPE } from "../verify/trusted_keys.ts";

/** A change of the key that signs an org's log. */
interface RotatedLogKey {
  readonly key: PublishedLogKey;
  readonly retired_kid: string;
  readonly audit: Placed;
}

interface Prepared {
  readonly old: LogKeyRecord;
  readonly next: LogKeyRecord;
  readonly rotation: KeyRotation;
  readonly origin: string;
}

/**
 * Gives an org's log a new key. The entry `log_key.rotated` is signed by the old key and by the
 * new one, so whoever pinned the old key can follow. The private part of the old key goes, out of the
 * file as well with the next start: nobody who comes by the store later can sign with it.
 * @throws {Refusal} role_required, recovery_held, fresh_assertion_required for a member
 */
export function rotateLogKeyOperation(
  deps: Deps,
  client: Client,
): CallerOperation<Prepared, RotatedLogKey> {
  return {
    // Signing takes time, so it is done here. The commit checks that the old key is still as read:
    // of two rotations at once, the second starts again from the key that the first one made.
    async load(reader, { org }) {
      const origin = reader.snapshot.org.log_origin;
      const active = await activeLogKey(deps, org);
      const read = await reader.get(logKeyKey(org, active.kid), logKeyRecord);
      const old = read?.value ?? active;
      const next = await makeLogKey(deps, org, reader.now);
      const rotation = await signRotation(
        await signerOf(deps, org, origin, old),
        await signerOf(deps, org, origin, next),
      );
      return { old, next, rotation, origin };
    },
    plan(transaction, caller, { old, next, rotation, origin }) {
      demand(caller, "rotate_log_key", "Replacing the key of the log");
      const { orgId } = transaction.snapshot;
      const audit = transaction.append({
        type: ROTATION_TYPE,
        actor: actorOf(caller),
        subject: { log_key: next.kid },
        data: { ...rotation, request_id: client.request_id },
      });
      const retired: LogKeyRecord = {
        ...old,
        status: "retired",
        sealed_private_key: new Uint8Array(0),
        retirement: { size: audit.index, at: transaction.at, successor: next.kid },
      };
      markErased(transaction);
      transaction.set(logKeyKey(orgId, old.kid), retired);
      transaction.set(logKeyKey(orgId, next.kid), next);
      return { key: publishedLogKey(publicLogKey(origin, next)), retired_kid: old.kid, audit };
    },
  };
}
