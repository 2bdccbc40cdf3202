import type { Deps } from "../../lib/deps.ts";
import { verifiedLog } from "../helpers/stored_log.ts";
import { CALLED_TOOLS, TEAM_TOOLS, TOOLS } from "./actor.ts";
import { lettersAreTrue, membersAreTold, pushesAreTrue } from "./alert_invariants.ts";
import {
  answeredIsLoggedOnce,
  answeredStandsBeforeAsked,
  keysAreUsedOnce,
  noncesAreUsedOnce,
  requestsAreDoneOnce,
} from "./answer_invariants.ts";
import { approvalsAreUsedOnce } from "./approval_invariants.ts";
import {
  askedOnceSpendsOnce,
  budgetsStandAsCounted,
  limitsHold,
  refusedSpendsNothing,
  settledOnce,
  usesHold,
} from "./budget_invariants.ts";
import { callsAreAnsweredAsLogged, callsEnd, callsRunOnce } from "./call_invariants.ts";
import { channelsAreTold } from "./channel_invariants.ts";
import { begunAsAccepted, catalogFollows, runAsAccepted } from "./definition_invariants.ts";
import { dueIsDone, endedIsUnusable } from "./deadline_invariants.ts";
import { type Broken, type Facts, type Invariant, type Watch } from "./evidence.ts";
import type { Happening } from "./history.ts";
import { onlyGrows } from "./log_invariants.ts";
import {
  endedIsHeard,
  endedMandatesLetNothing,
  mandatesAreNumbered,
  mandatesAreOfTheirOwn,
  mandatesOnlyNarrow,
  waitingEndsWithMandates,
} from "./mandate_invariants.ts";
import { decidedByTheRules } from "./policy_invariants.ts";
import {
  lostTokensAreSaid,
  noTokenIsTold,
  refreshTokensAreSentOnce,
} from "./refresh_invariants.ts";
import { approvalsStandStill, decidedByWhoMay, removedAreOut } from "./team_invariants.ts";
import { tokensAreSpentOnce } from "./token_invariants.ts";
import {
  askersNeverAnswer,
  noncesServeOneAnswer,
  usersAnswerOnce,
  usersSpeakForThemselves,
  yesCountsForOne,
} from "./user_invariants.ts";
import { waitingIsTold } from "./waiting_invariants.ts";
import { messagesAreSigned, toldNothingElse, toldWhatHappened } from "./webhook_invariants.ts";

/** Every promise that is held against each org. */
export const INVARIANTS: readonly Invariant[] = [
  decidedByTheRules,
  tokensAreSpentOnce,
  approvalsAreUsedOnce,
  answeredIsLoggedOnce,
  keysAreUsedOnce,
  answeredStandsBeforeAsked,
  requestsAreDoneOnce,
  endedIsUnusable,
  dueIsDone,
  onlyGrows,
  mandatesOnlyNarrow,
  endedMandatesLetNothing,
  endedIsHeard,
  mandatesAreNumbered,
  mandatesAreOfTheirOwn,
  waitingEndsWithMandates,
  limitsHold,
  usesHold,
  settledOnce,
  refusedSpendsNothing,
  askedOnceSpendsOnce,
  budgetsStandAsCounted,
  toldWhatHappened,
  messagesAreSigned,
  toldNothingElse,
  callsRunOnce,
  callsEnd,
  callsAreAnsweredAsLogged,
  begunAsAccepted,
  runAsAccepted,
  catalogFollows,
  refreshTokensAreSentOnce,
  lostTokensAreSaid,
  noTokenIsTold,
  channelsAreTold,
  lettersAreTrue,
  pushesAreTrue,
  membersAreTold,
  waitingIsTold,
  decidedByWhoMay,
  approvalsStandStill,
  removedAreOut,
  usersAnswerOnce,
  yesCountsForOne,
  noncesServeOneAnswer,
  askersNeverAnswer,
  usersSpeakForThemselves,
];

/** What an auditor sees for themselves, whatever becomes of the store. */
export const OF_AN_AUDITOR: readonly Invariant[] = [onlyGrows];

/**
 * Holds every promise against all that happens, as it happens: nothing that breaks one is followed by
 * another step. What needs a whole log is looked at when it is asked for.
 */
export class Judge {
  readonly broken: Broken[] = [];
  /** The watches of each org, and those of what belongs to none. */
  readonly #watches = new Map<string, readonly Watch[]>([["", [noncesAreUsedOnce(NOBODY)]]]);
  readonly #others: Watch = this.#knowsNoOther();

  constructor(readonly invariants: readonly Invariant[] = INVARIANTS) {}

  take(happening: Happening): void {
    if (happening.is === "founded") {
      const tools = { ...TOOLS, ...CALLED_TOOLS, ...TEAM_TOOLS };
      const facts = { org: happening.org, tools };
      this.#watches.set(facts.org, this.invariants.map((invariant) => invariant(facts)));
    }
    const watches = happening.org === null
      ? [...this.#watches.values()].flat()
      : this.#watches.get(happening.org) ?? [];
    for (const watch of watches) this.broken.push(...watch(happening));
    this.broken.push(...this.#others(happening));
  }

  /** Has the offline verifier look at the whole log of each org, tiles and all. */
  async verify(deps: Deps): Promise<void> {
    for (const org of this.#orgs) {
      try {
        await verifiedLog(deps, org);
      } catch (error) {
        this.broken.push({
          invariant: "the offline verifier accepts the log",
          where: String(error),
        });
      }
    }
  }

  get #orgs(): string[] {
    return [...this.#watches.keys()].filter((org) => org !== "");
  }

  /** No answer to one org has the id of another in it. */
  #knowsNoOther(): Watch {
    const orgs = () => this.#orgs;
    return function* (happening) {
      if (happening.is !== "answered") return;
      const { org, number, answer } = happening.asked;
      if (answer === null || org === "") return;
      const text = JSON.stringify(answer);
      for (const other of orgs()) {
        if (other === org || !text.includes(other)) continue;
        yield { invariant: "nobody sees another org's", where: `request ${number} names ${other}` };
      }
    };
  }
}

const NOBODY: Facts = { org: "", tools: {} };
