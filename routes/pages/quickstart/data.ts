import type { ShownCheck } from "../../../islands/first_check.tsx";
import { namesOf, Telling } from "../../../lib/evidence/telling.ts";
import { allBehind, canSign, isSeparated, mayDecide } from "../../../lib/identity/deciders.ts";
import type { LoggedEntry } from "../../../lib/ledger/log_reader.ts";
import { findFirstCheck } from "../../../lib/onboarding/first_check.ts";
import { loadSample, type SampleState, sampleState } from "../../../lib/onboarding/sample.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import type { Snapshot } from "../../../lib/policy/snapshot.ts";
import { samplePrefix } from "../../../lib/store/keys.ts";
import { listRecords } from "../../../lib/store/kv.ts";
import { sampleRecord } from "../../../lib/store/records/alert.ts";
import type { AgentRecord } from "../../../lib/store/records/identity.ts";
import { PERMISSIONS } from "../../../lib/store/records/vocabulary.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";

/** What the Quickstart shows to one member. */
export interface QuickstartData {
  readonly origin: string;
  /** Whether they may make tools, agents and keys. */
  readonly mayConfigure: boolean;
  /** E-mail addresses of those who may. */
  readonly askWhom: readonly string[];
  readonly sample: SampleState | null;
  /** The id of their sample agent, where somebody has stopped it; else null. */
  readonly paused: string | null;
  /** Who else can decide the sample, where those behind it may not; null where they may. */
  readonly othersDecide: readonly string[] | null;
  readonly isSampled: boolean;
  /** The newest agent besides the samples; null for none. */
  readonly agent: Pick<AgentRecord, "id" | "name"> | null;
  /** Whether there is something that can ask: that agent, or a standard key. */
  readonly isConnected: boolean;
  readonly check: ShownCheck | null;
}

/** Everything that the steps are told from, as it is now. */
export async function quickstartData(call: MemberCall): Promise<QuickstartData> {
  const { services } = call;
  const { sample, snapshot, caller } = await call.transact({
    load: loadSample,
    plan: ({ snapshot }, caller, sample) => ({ sample, snapshot, caller }),
  });
  const origin = snapshot.org.log_origin;
  const [state, samples, check] = await Promise.all([
    sample?.approval
      ? sampleState(services, (operation) => call.transact(operation, "see_requests"), {
        caller,
        origin,
        id: sample.approval,
      })
      : null,
    sampleAgents(call),
    firstCheckOf(call, firstCheckWatch(null)),
  ]);
  const agent = snapshot.agents.get(sample?.agents.at(-1) ?? "");
  const own = newestAgent(snapshot, samples);
  const members = [...snapshot.members.values()];
  const asked = state?.approval.record;
  const separated = asked === undefined
    ? snapshot.org.separation_of_duties
    : isSeparated(asked, snapshot);
  const behind = asked === undefined ? new Set([caller.id]) : allBehind(asked, snapshot);
  return {
    origin: services.settings.url.origin,
    mayConfigure: hasRight(caller.role, "configure"),
    askWhom: members.filter(({ role, account }) => account !== null && hasRight(role, "configure"))
      .map(({ email }) => email),
    sample: state,
    paused: agent?.kill_switch.active ? agent.id : null,
    othersDecide: separated
      ? members.filter((member) =>
        !behind.has(member.id) && canSign(member) && mayDecide(member, 1, snapshot.members)
      ).map(({ email }) => email)
      : null,
    isSampled: state?.run !== null && state?.run !== undefined,
    agent: own,
    isConnected: own !== null || hasKey(snapshot),
    check,
  };
}

function newestAgent(
  { agents }: Snapshot,
  samples: ReadonlySet<string>,
): Pick<AgentRecord, "id" | "name"> | null {
  const own = [...agents.values()].filter(({ id }) => !samples.has(id));
  const [newest] = own.sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? 1 : -1));
  return newest === undefined ? null : { id: newest.id, name: newest.name };
}

function hasKey({ apiKeys }: Snapshot): boolean {
  return [...apiKeys.values()].some(({ tier }) => tier === "standard");
}

/** Whose first check is waited for, and how far the log has been looked through. */
interface Watch {
  readonly actor: string | null;
  position: number;
  found: LoggedEntry | null;
}

/** A new watch, of one key or agent, or of all but the samples (null). */
export function firstCheckWatch(actor: string | null): Watch {
  return { actor, position: 0, found: null };
}

/** The check that a watch waits for, once it has come; goes on where the watch was left. */
export async function firstCheckOf(call: MemberCall, watch: Watch): Promise<ShownCheck | null> {
  const { actor } = watch;
  const names = await call.transact({ plan: ({ snapshot }) => namesOf(snapshot) });
  if (watch.found === null) {
    const except = await sampleAgents(call);
    const { kv } = call.services.deps;
    const looked = await findFirstCheck(kv, call.org, { actor, except }, watch.position);
    if (looked.found === null) watch.position = looked.position;
    else watch.found = looked.found;
  }
  return watch.found === null ? null : shownCheck(watch.found, names);
}

function shownCheck(
  { index, entry }: LoggedEntry,
  names: ReturnType<typeof namesOf>,
): ShownCheck {
  const { subject, data, at } = entry;
  return {
    index,
    at: Date.parse(at),
    who: new Telling(entry, names).Who,
    tool: String(subject.tool),
    permission: PERMISSIONS.find((permission) => permission === data.permission) ?? "disabled",
  };
}

/** The sample agents of all members. */
async function sampleAgents({ services, org }: MemberCall): Promise<Set<string>> {
  const found = new Set<string>();
  const selector = { prefix: samplePrefix(org) };
  for await (const { value } of listRecords(services.deps.kv, selector, sampleRecord)) {
    for (const agent of value.agents) found.add(agent);
  }
  return found;
}
