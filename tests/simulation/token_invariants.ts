import type { Entry } from "../../lib/ledger/entry.ts";
import { type Broken, type Invariant, named, overLog, text, timeOf } from "./evidence.ts";
import { PolicyOfLog } from "./policy_invariants.ts";

/** What is known of a run token by the entries so far. */
interface Minted {
  readonly entry: Entry;
  readonly expires: number;
  consumed: Entry | null;
  logged: Entry | null;
  /** What ended it before it was consumed. */
  ended: string | null;
}

/** Each token: spent once at most, for its own action, never after its time or after what ended it. */
export const tokensAreSpentOnce: Invariant = ({ tools }) => {
  const policy = new PolicyOfLog(tools);
  const tokens = new Map<string, Minted>();
  const broken = (where: string): Broken => ({
    invariant: "a token is spent once, in time, for its action, while nothing has ended it",
    where,
  });
  return overLog(function* (entry) {
    const id = text(entry.subject.token);
    const minted = tokens.get(id);
    switch (entry.type) {
      case "token.minted":
        if (minted !== undefined) yield broken(`${named(entry)} mints ${id} again`);
        tokens.set(id, {
          entry,
          expires: Date.parse(text(entry.data.expires_at)),
          consumed: null,
          logged: null,
          ended: null,
        });
        break;
      case "token.consumed":
        // Of a call that runs through here the permission is made as it is used.
        if (text(entry.subject.call) !== "") break;
        if (minted === undefined) yield broken(`${named(entry)} spends what was never minted`);
        else {
          yield* spent(entry, minted);
          minted.consumed = entry;
        }
        break;
      case "execution.logged":
        if (minted === undefined) break;
        if (minted.logged !== null && minted.logged.data.execution_result !== "unknown") {
          yield broken(`${named(entry)} reports again what ${named(minted.logged)} did`);
        }
        if (minted.consumed === null) {
          yield* spent(entry, minted);
          minted.consumed = entry;
        }
        minted.logged = entry;
        break;
      default:
        endsSome(entry, tokens);
    }
    policy.take(entry);
  });

  function* spent(entry: Entry, minted: Minted): Iterable<Broken> {
    if (minted.consumed !== null) {
      yield broken(`${named(entry)} spends again what ${named(minted.consumed)} did`);
    }
    // A log that was past it when it was set tells nothing: it was ahead of the time.
    if (timeOf(minted.entry) < minted.expires && timeOf(entry) >= minted.expires) {
      yield broken(`${named(entry)} spends what expired at ${minted.entry.data.expires_at}`);
    }
    if (entry.data.action_digest !== minted.entry.data.action_digest) {
      yield broken(`${named(entry)} is for another action than ${named(minted.entry)}`);
    }
    if (minted.ended !== null) yield broken(`${named(entry)} spends what ${minted.ended} ended`);
    const permission = policy.permission(text(minted.entry.subject.tool));
    const needs = minted.entry.subject.approval === null
      ? ["allowed"]
      : ["allowed", "requires_approval"];
    if (!needs.includes(permission)) {
      yield broken(`${named(entry)} spends what is ${permission} by then`);
    }
  }
};

/** Notes which tokens an entry ends: those of an approval that is revoked, of an agent that is rotated. */
function endsSome(entry: Entry, tokens: ReadonlyMap<string, Minted>): void {
  if (entry.type !== "approval.revoked" && entry.type !== "agent.rotated") return;
  for (const minted of tokens.values()) {
    if (minted.consumed !== null || minted.ended !== null) continue;
    const { subject, actor } = minted.entry;
    const isRevoked = entry.type === "approval.revoked" &&
      subject.approval === entry.subject.approval && subject.approval !== null;
    const isRotated = entry.type === "agent.rotated" && actor.id === entry.subject.agent;
    if (isRevoked || isRotated) minted.ended = named(entry);
  }
}
