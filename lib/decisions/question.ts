import type { Action } from "../actions/action.ts";
import { actionDigest } from "../actions/action_digest.ts";
import { type SplitReference, splitReference } from "../catalog/personal_ids.ts";
import type { Deps } from "../deps.ts";
import type { Client } from "../identity/client.ts";
import type { JsonValue } from "../json/json_value.ts";
import { type SealedOff, sealOff } from "../ledger/private_parts.ts";
import { scrubText } from "../scrub/scrub.ts";

/** What is asked besides the action itself. */
export interface CheckRequest {
  readonly action: Action;
  /** As it came; it is scrubbed before it is stored. */
  readonly reason: string | null;
  readonly reference_id: string | null;
  readonly explain: boolean;
}

/**
 * A question and what its entry will say of it whatever the answer is. The digests take longer than
 * the decision, so `prepare` makes them while the commit before is on its way.
 */
export class Question {
  #org: string | null = null;
  #tenant: string | null = null;
  #digest = "";
  #sealedOff: SealedOff | null = null;
  readonly reference: SplitReference;

  constructor(readonly request: CheckRequest, readonly client: Client) {
    this.reference = splitReference(request.reference_id);
  }

  prepare(deps: Pick<Deps, "random">, org: string): void {
    this.#sealedOff ??= sealOff(privateValues(this), deps.random);
    if (this.#org !== org) this.digestOf(org, this.request.action);
  }

  /**
   * The digest of the action, which is the one asked about but for a tenant that was filled in. It is
   * made once for each tenant in turn.
   */
  digestOf(org: string, action: Action): string {
    const same = org === this.#org && action.tenant === this.#tenant;
    if (same) return this.#digest;
    this.#digest = actionDigest(org, action);
    this.#org = org;
    this.#tenant = action.tenant;
    return this.#digest;
  }

  /** What of the question goes into the private part of its entry. */
  sealedOff(retainArguments: boolean): SealedOff {
    const all = this.#sealedOff ?? { digests: {}, parts: {} };
    if (retainArguments || all.parts.arguments === undefined) return all;
    const { arguments_digest: _digest, ...digests } = all.digests;
    const { arguments: _part, ...parts } = all.parts;
    return { digests, parts };
  }
}

function privateValues({ request, client, reference }: Question): Record<string, JsonValue> {
  const { action, reason } = request;
  const values: Record<string, JsonValue> = { ...reference.hidden };
  if (Object.keys(action.arguments).length > 0) values.arguments = action.arguments;
  values.client = { ip: client.ip, user_agent: client.user_agent };
  if (reason !== null) values.reason = scrubText(reason).text;
  return values;
}
