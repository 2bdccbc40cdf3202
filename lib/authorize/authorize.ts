import { actionDigest } from "../actions/action_digest.ts";
import { type Ask, type Asked, createOrJoin, loadAsk, type LoadedAsk } from "../approvals/ask.ts";
import type { AskedBefore } from "../approvals/asked_before.ts";
import { type LoadedApproval, loadReady } from "../approvals/seen.ts";
import { seen } from "../approvals/seen_approval.ts";
import { consumeApproval } from "../approvals/use_approval.ts";
import { type Advised, advised, askedAbout } from "../authorizations/advise.ts";
import { type Checked, checkOperation } from "../decisions/check.ts";
import type { DiscoveryRoom } from "../decisions/discovery.ts";
import type { CheckRequest } from "../decisions/question.ts";
import { type MachineCaller, tenantWithin } from "../identity/caller.ts";
import type { MachineOperation } from "../identity/caller_operation.ts";
import type { Client } from "../identity/client.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { recorded, type RecordedRefusal, Refusal } from "../refusal.ts";
import { type MintedToken, mintToken, TOKEN_TTL } from "../tokens/mint.ts";
import { type LoadedTokenKey, loadSigningKey } from "../tokens/token_key.ts";
import { mintRefusal } from "./mint.ts";

/** A check that goes on to what its answer leads to. */
export interface AuthorizeRequest extends CheckRequest {
  /** Whether to mint the token when the action is allowed, or has been approved. */
  readonly mint: boolean;
  /** What to tell the approver when an approval is required; null to ask nobody. */
  readonly ask: Ask | null;
}

/** A decision, and the token or the request for approval that came of it in the same commit. */
export interface Authorized extends Advised {
  readonly token: MintedToken | null;
  readonly asked: Asked | null;
}

interface Loaded {
  readonly room: DiscoveryRoom | null;
  readonly key: LoadedTokenKey | null;
  /** The caller's approved and unused request for this very action. */
  readonly ready: LoadedApproval | null;
  readonly ask: LoadedAsk | null;
  readonly before: AskedBefore | null;
}

/**
 * Decides about one action and, as the answer and the request say, mints its token or asks for its
 * approval, all in one commit. An approval that came after an earlier wait was over is used. A
 * refusal after the decision is recorded, so that the decision's entry stays.
 */
export function authorizeOperation(
  request: AuthorizeRequest,
  client: Client,
): MachineOperation<Loaded, Authorized | RecordedRefusal> {
  const check = checkOperation(request, client);
  const { prepare } = check;
  return {
    ...(prepare === undefined ? {} : { prepare }),
    load(reader, caller) {
      const room = check.load?.(reader, caller) ?? null;
      const before = request.ask === null ? askedAbout(reader, caller, check.question) : null;
      // The common question reads nothing, and does not wait for having read nothing.
      const common = !request.mint && request.ask === null && before === null;
      if (common && !(room instanceof Promise)) {
        return { room, key: null, ready: null, ask: null, before: null };
      }
      return loadAll(reader, caller, request, { room, before });
    },
    plan(transaction, caller, { room, key, ready, ask, before }) {
      const checked = check.plan(transaction, caller, room);
      const { decision, tool } = checked;
      const { permission } = decision.resolution;
      if (permission === "allowed" && key !== null) {
        return mint(transaction, caller, checked, null, { key, client });
      }
      if (permission !== "requires_approval" || request.ask === null) {
        return { ...advised(checked, before), token: null, asked: null };
      }
      if (ready !== null && key !== null) {
        return mint(transaction, caller, checked, ready, { key, client });
      }
      if (tool === null) {
        return recorded(
          new Refusal("tool_not_registered", { tool_name: decision.action.tool }),
        );
      }
      if (ask === null) throw new Error("What an asking depends on was not read.");
      const asking = { decision, tool, ask: request.ask, client };
      const asked = createOrJoin(transaction, caller, asking, ask);
      if (asked instanceof Refusal) return recorded(asked);
      const { id } = asked.approval.record;
      return { checked, before: { state: "pending", approval: id }, token: null, asked };
    },
  };
}

async function loadAll(
  reader: Reader,
  caller: MachineCaller,
  { action, mint, ask }: AuthorizeRequest,
  begun: {
    readonly room: Promise<DiscoveryRoom | null> | DiscoveryRoom | null;
    readonly before: Promise<AskedBefore | null> | null;
  },
): Promise<Loaded> {
  const walled = { ...action, tenant: tenantWithin(caller, action.tenant) };
  const digest = actionDigest(caller.org, walled);
  const [room, before, key, ready] = await Promise.all([
    begun.room,
    begun.before,
    mint ? loadSigningKey(reader) : null,
    mint && ask !== null ? loadReady(reader, caller.id, digest) : null,
  ]);
  const needsAsk = ask !== null && ready === null;
  return {
    room,
    before,
    key,
    ready,
    ask: needsAsk ? await loadAsk(reader, caller, action) : null,
  };
}

function mint(
  transaction: Transaction,
  caller: MachineCaller,
  checked: Checked,
  ready: LoadedApproval | null,
  { key, client }: { readonly key: LoadedTokenKey; readonly client: Client },
): Authorized | RecordedRefusal {
  const stopped = mintRefusal(checked);
  if (stopped !== null) return recorded(stopped);
  const { decision } = checked;
  const terms = { key, ttl_seconds: TOKEN_TTL.default, client };
  if (ready === null) {
    const token = mintToken(transaction, caller, decision, { ...terms, approval: null });
    return { checked, before: null, token, asked: null };
  }
  const token_id = transaction.id("rtk");
  const record = consumeApproval(transaction, ready, caller, decision.action, token_id);
  if (record instanceof Refusal) return recorded(record);
  const approval = { id: record.id, token_id };
  const token = mintToken(transaction, caller, decision, { ...terms, approval });
  const { snapshot, deps: { sealer } } = transaction;
  const used = seen({ ...ready, record }, caller, { snapshot, sealer });
  return { checked, before: null, token, asked: { approval: used, joined: true } };
}
