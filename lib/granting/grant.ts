import type { JsonObject } from "../base/json.ts";
import { assertNoPersonalIds } from "../catalog/personal_ids.ts";
import type { MachineOperation } from "../identity/acting.ts";
import { actorOf, type MachineCaller, tenantWithin } from "../identity/caller.ts";
import type { Placed } from "../ledger/entry.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import {
  assertDefinition,
  assertStorable,
  loadBundle,
  type ReadBundle,
} from "../mandates/bundle.ts";
import {
  type CountedMandate,
  loadCounted,
  type LoadedMandate,
  mayKnow,
  nextSeq,
} from "../mandates/mandate.ts";
import { noteInForce } from "../mandates/in_force.ts";
import { mandateEnd } from "../mandates/narrow.ts";
import { budgetOf } from "../mandates/counters.ts";
import { invalidRequest, Refusal } from "../refusal.ts";
import {
  mandateByAgentKey,
  mandateByParentKey,
  mandateByUserKey,
  mandateCountKey,
  mandateKey,
} from "../store/mandate_keys.ts";
import type { BudgetTerms } from "../store/records/budget.ts";
import type { Definition, MandateRecord } from "../store/records/mandate.ts";
import { endMandate } from "./revoke.ts";

/**
 * Granting: what a user lets an agent do becomes a mandate, in one commit with its entry and, where it
 * takes the place of another, with the end of that one.
 */

/** How long a mandate lasts unless its bundle or whoever grants it says so, milliseconds. */
export const USUAL_LIFETIME_MS = 30 * 24 * 60 * 60 * 1000;

/** How long one can last at most, milliseconds. */
const MAX_LIFETIME_MS = 10 * 366 * 24 * 60 * 60 * 1000;

/** What is granted: scopes of an edition of a bundle, or what the grant itself says. */
export type Granted =
  | {
    readonly bundle: string;
    /** Null for the newest. */
    readonly edition: number | null;
    /** Names of its scopes; null for all. */
    readonly scopes: readonly string[] | null;
  }
  | { readonly definition: Definition };

export interface Grant {
  readonly granted: Granted;
  readonly user_id: string;
  readonly tenant_id: string | null;
  /** Milliseconds; null for as long as usual. */
  readonly expires_at: number | null;
  /** The mandate whose place it takes. */
  readonly replaces: string | null;
  readonly metadata: JsonObject;
  readonly budget: BudgetTerms | null;
  /** How often it allows something in all; null for any number of times. */
  readonly uses: number | null;
}

/** A mandate as it was granted. */
export interface GrantedMandate extends CountedMandate {
  readonly audit: Placed;
}

interface Loaded {
  readonly bundle: ReadBundle | null;
  readonly replaced: LoadedMandate | null;
}

/**
 * Grants a mandate.
 * @throws {Refusal} wrong_tier, tenant_not_permitted, not_found for the bundle, invalid_request;
 *   mandate_not_found, mandate_ended for the one that is to be replaced
 */
export function grantMandate(
  grant: Grant,
  request_id: string,
): MachineOperation<Loaded, GrantedMandate> {
  return {
    async load(reader: Reader) {
      const { granted, replaces } = grant;
      const [bundle, replaced] = await Promise.all([
        "bundle" in granted ? loadBundle(reader, granted.bundle, granted.edition) : null,
        replaces === null ? null : loadCounted(reader, replaces),
      ]);
      return { bundle, replaced };
    },
    plan(transaction, caller, { bundle, replaced }) {
      assertMayGrant(caller);
      const record = newMandate(transaction, caller, grant, bundle);
      if (grant.replaces !== null) {
        const old = replaceable(transaction, caller, grant.replaces, replaced, record);
        endMandate(transaction, old.record, { state: "superseded", by: record.id });
        transaction.append({
          type: "mandate.superseded",
          actor: actorOf(caller),
          subject: { mandate: old.record.id },
          data: {
            by: record.id,
            mandate_seq: nextSeq(transaction, old.count, { isCheck: false }),
            request_id,
          },
        });
      }
      return storeGranted(transaction, caller, record, request_id);
    },
  };
}

/** Puts a new mandate into the commit, with its entry. */
export function storeGranted(
  transaction: Transaction,
  caller: MachineCaller,
  record: MandateRecord,
  request_id: string,
): GrantedMandate {
  const { snapshot: { orgId }, at } = transaction;
  const { id, user_id, agent, ancestors: [parent] } = record;
  assertStorable(record, saidPrivately(record), "/scopes");
  const count = { seq: 1, checks: 0 };
  transaction.setGuarded(mandateKey(orgId, id), record);
  transaction.setGuarded(mandateCountKey(orgId, id), count);
  transaction.set(mandateByUserKey(orgId, user_id, id), { id });
  transaction.set(mandateByAgentKey(orgId, agent, id), { id });
  if (parent !== undefined) transaction.set(mandateByParentKey(orgId, parent, id), { id });
  noteInForce(transaction, record);
  const audit = appendGranted(transaction, caller, record, request_id);
  return { record, count, budget: budgetOf(record, null, at), uses_left: record.uses, audit };
}

/** Whether a key may let agents do something in the name of users. */
export function mayGrant({ tier, may_grant }: MachineCaller): boolean {
  return tier === "management" || (tier === "standard" && may_grant);
}

/** @throws {Refusal} wrong_tier */
function assertMayGrant(caller: MachineCaller): void {
  const { tier } = caller;
  if (mayGrant(caller)) return;
  throw new Refusal("wrong_tier", { tier, allowed: ["management", "standard with may_grant"] });
}

function newMandate(
  transaction: Transaction,
  caller: MachineCaller,
  grant: Grant,
  bundle: ReadBundle | null,
): MandateRecord {
  const { snapshot, at } = transaction;
  assertNoPersonalIds(snapshot.org, { "/user_id": grant.user_id, "/tenant_id": grant.tenant_id });
  const granted = grantedTerms(transaction, grant.granted, bundle);
  const { default_expiry_seconds: usual, ...terms } = granted;
  return {
    id: transaction.id("mdt"),
    user_id: grant.user_id,
    tenant: tenantWithin(caller, grant.tenant_id),
    ...terms,
    granted_by: { type: caller.type, id: caller.id },
    created_at: at,
    expires_at: expiryOf(transaction, grant, usual),
    replaces: grant.replaces,
    metadata: grant.metadata,
    budget: grant.budget,
    ancestors: [],
    uses: grant.uses,
    ended: null,
  };
}

type Terms =
  & Pick<MandateRecord, "agent" | "bundle" | "own_scopes" | "scopes">
  & Pick<Definition, "default_expiry_seconds">;

/** @throws {Refusal} not_found, invalid_request */
function grantedTerms(
  { snapshot }: Transaction,
  granted: Granted,
  read: ReadBundle | null,
): Terms {
  if ("definition" in granted) {
    const { definition } = granted;
    assertDefinition(snapshot, null, definition);
    const { agent, scopes, default_expiry_seconds } = definition;
    return {
      agent,
      bundle: null,
      own_scopes: scopes,
      scopes: scopes.map(({ name }) => name),
      default_expiry_seconds,
    };
  }
  if (read === null || read.bundle.archived_at !== null) {
    const { bundle, edition } = granted;
    const which = edition === null ? bundle : `${bundle} with an edition ${edition}`;
    throw new Refusal("not_found", { what: `bundle ${which} that is not archived` });
  }
  const { id, edition, digest, definition } = read.edition;
  // Its agent may have gone since it was published.
  assertDefinition(snapshot, id, definition);
  const all = definition.scopes.map(({ name }) => name);
  const scopes = granted.scopes ?? all;
  scopes.forEach((name, i) => {
    if (all.includes(name)) return;
    throw invalidRequest(`/scopes/${i}`, `is no scope of ${id}, edition ${edition}`);
  });
  return {
    agent: definition.agent,
    bundle: { id, edition, digest },
    own_scopes: null,
    scopes: [...scopes],
    default_expiry_seconds: definition.default_expiry_seconds,
  };
}

/** When a new mandate ends, milliseconds. @throws {Refusal} invalid_request */
function expiryOf(
  { now }: Transaction,
  { expires_at }: Pick<Grant, "expires_at">,
  usual: Definition["default_expiry_seconds"],
): number {
  const ends = expires_at ?? now + (usual === null ? USUAL_LIFETIME_MS : usual * 1000);
  if (ends <= now) {
    throw invalidRequest("/expires_at", "is past; give a time in the future");
  }
  if (ends > now + MAX_LIFETIME_MS) {
    throw invalidRequest("/expires_at", "is more than 10 years away, which is the longest");
  }
  return ends;
}

/**
 * The mandate that is to be replaced, if it can be by this one: of the same user, tenant and agent.
 * @throws {Refusal} mandate_not_found, mandate_ended, invalid_request
 */
function replaceable(
  transaction: Transaction,
  caller: MachineCaller,
  id: string,
  replaced: LoadedMandate | null,
  next: MandateRecord,
): LoadedMandate {
  if (replaced === null || !mayKnow(caller, replaced.record)) {
    throw new Refusal("mandate_not_found", { mandate_id: id });
  }
  const { record } = replaced;
  const over = mandateEnd(record, transaction);
  if (over !== null) throw new Refusal("mandate_ended", { mandate_id: id, state: over });
  const isSame = record.user_id === next.user_id && record.tenant === next.tenant &&
    record.agent === next.agent;
  if (!isSame) {
    throw invalidRequest("/replaces", "is of another user, tenant or agent than this one");
  }
  return replaced;
}

function appendGranted(
  transaction: Transaction,
  caller: MachineCaller,
  record: MandateRecord,
  request_id: string,
): Placed {
  const { id, tenant, agent, bundle, budget, scopes, replaces, ancestors, uses } = record;
  return transaction.append({
    type: "mandate.granted",
    actor: actorOf(caller),
    subject: { mandate: id, tenant },
    data: {
      agent,
      ...(budget === null ? {} : { budget: { ...budget } }),
      bundle: bundle === null ? null : { ...bundle },
      expires_at: new Date(record.expires_at).toISOString(),
      mandate_seq: 1,
      ...(ancestors.length === 0 ? {} : { ancestors: [...ancestors] }),
      replaces,
      request_id,
      scopes: scopes.length,
      ...(uses === null ? {} : { uses }),
    },
    private: saidPrivately(record),
  });
}

/** What the entry of a grant says apart from the leaf. */
function saidPrivately({ user_id, scopes, metadata, own_scopes, agent }: MandateRecord) {
  return {
    user_id,
    scopes,
    metadata,
    ...(own_scopes === null
      ? {}
      : { definition: { agent, default_expiry_seconds: null, scopes: own_scopes } }),
  };
}
