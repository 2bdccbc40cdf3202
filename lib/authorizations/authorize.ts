import { type Ask, type Asked, createOrJoin, loadAsk, type LoadedAsk } from "../approvals/ask.ts";
import { type Checked, checkOperation } from "../decisions/check.ts";
import type { CheckRequest, Client } from "../decisions/decide.ts";
import type { DiscoveryRoom } from "../decisions/discovery.ts";
import type { CallerOperation } from "../identity/caller_operation.ts";
import { Refusal } from "../refusals/refusal.ts";
import { type MintedToken, mintToken, TOKEN_TTL } from "../tokens/mint.ts";
import { mintRefusal } from "../tokens/mint_operation.ts";
import { type LoadedTokenKey, loadSigningKey } from "../tokens/token_key.ts";

/** A check that goes on to what its answer leads to. */
export interface AuthorizeRequest extends CheckRequest {
  /** Whether to mint the token when the action is allowed. */
  readonly mint: boolean;
  /** What to tell the approver when an approval is required; null to ask nobody. */
  readonly ask: Ask | null;
}

/** A decision, and the token or the request for approval that came of it in the same commit. */
export interface Authorized {
  readonly checked: Checked;
  readonly token: MintedToken | null;
  readonly asked: Asked | null;
}

interface Loaded {
  readonly room: DiscoveryRoom | null;
  readonly key: LoadedTokenKey | null;
  readonly ask: LoadedAsk | null;
}

/**
 * Decides about one action and, as the answer and the request say, mints its token or asks for its
 * approval, all in one commit. A refusal after the decision is returned, so that the decision's
 * entry stays.
 */
export function authorizeOperation(
  request: AuthorizeRequest,
  client: Client,
): CallerOperation<Loaded, Authorized | Refusal> {
  const check = checkOperation(request, client);
  return {
    load(reader, caller) {
      const room = check.load?.(reader, caller) ?? null;
      // The common question reads nothing, and does not wait for having read nothing.
      if (!request.mint && request.ask === null && !(room instanceof Promise)) {
        return { room, key: null, ask: null };
      }
      return Promise.all([
        room,
        request.mint ? loadSigningKey(reader) : null,
        request.ask === null ? null : loadAsk(reader, caller, request.action),
      ]).then(([room, key, ask]) => ({ room, key, ask }));
    },
    plan(transaction, caller, loaded) {
      const { room, key, ask } = loaded;
      const checked = check.plan(transaction, caller, room);
      const { decision, tool } = checked;
      const { permission } = decision.resolution;
      if (permission === "allowed" && key !== null) {
        const stopped = mintRefusal(checked);
        if (stopped !== null) return stopped;
        const terms = { key, ttl_seconds: TOKEN_TTL.default, approval: null, client };
        return { checked, token: mintToken(transaction, caller, decision, terms), asked: null };
      }
      if (permission === "requires_approval" && request.ask !== null && ask !== null) {
        if (tool === null) {
          return new Refusal("tool_not_registered", { tool_name: decision.action.tool });
        }
        const asking = { decision, tool, ask: request.ask, client };
        const asked = createOrJoin(transaction, caller, asking, ask);
        return asked instanceof Refusal ? asked : { checked, token: null, asked };
      }
      return { checked, token: null, asked: null };
    },
  };
}
