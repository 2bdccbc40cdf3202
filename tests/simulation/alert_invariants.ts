import type { Entry } from "../../lib/ledger/entry.ts";
import { type Broken, type Invariant, named, text } from "./evidence.ts";
import type { Hearing } from "./hearer.ts";
import type { Asked } from "./history.ts";
import { TeamOfLog } from "./team_of_log.ts";

/** What members hear of requests by letters and pushes, against what happened. */

/** How long an alert may be under way after what it tells of is over, milliseconds: in a world that is calm, and in any. */
const UNDER_WAY_MS = { calm: 45_000, any: 150_000 } as const;

/**
 * How long after its cause an alert may come, once nothing goes wrong any more: what failed three times
 * is tried again after ten minutes.
 */
const TOLD_MS = 11 * 60_000;

/** How an alert begins, and what it says by that. */
const SAYS = {
  "Approval wanted: ": "waits",
  "Expires soon: ": "waits",
  "Approved: ": "approve",
  "Denied: ": "deny",
} as const;

type Says = (typeof SAYS)[keyof typeof SAYS];

export function saysOf(headline: string): Says | null {
  const found = Object.entries(SAYS).find(([start]) => headline.startsWith(start));
  return found === undefined ? null : found[1];
}

/** A request, as far as alerts tell of it. */
export interface Request {
  /** When it came, milliseconds of the world's time. */
  readonly created: number;
  /** When it no longer waited, milliseconds of the world's time; null while it does. */
  over: number | null;
  /** The decision that was the last; null while there is none. */
  decided: { readonly entry: Entry; readonly now: number } | null;
  /** Whether the decision counts no more: nobody needs to hear of it. */
  isMoot: boolean;
}

/** The requests of an org by their ids. */
export class Requests extends Map<string, Request> {
  follow(entry: Entry, now: number): void {
    const { type, subject, data } = entry;
    const approval = text(subject.approval);
    if (type === "approval.created") {
      const isMoot = data.seats !== undefined;
      this.set(approval, { created: now, over: null, decided: null, isMoot });
    }
    const request = this.get(approval);
    if (request === undefined) return;
    switch (type) {
      case "approval.decided":
        if (data.decision === "approve" && data.level !== data.levels) return;
        request.decided = { entry, now };
        request.over ??= now;
        return;
      case "approval.cancelled":
      case "approval.revoked":
        request.isMoot = true;
        request.over ??= now;
        return;
      case "approval.expired":
        request.over ??= now;
    }
  }
}

/** What an alert says, by whichever way. */
interface Told {
  readonly approval: string;
  readonly headline: string;
  readonly at: number;
  readonly isCalm: boolean;
}

/** Why an alert should not have been, or not have come to one; null where it is as it should be. */
function wrong(
  { approval, headline, at, isCalm }: Told,
  requests: Requests,
  to: Hearing | null,
): string | null {
  const request = requests.get(approval);
  if (request === undefined) return "is of no request of this org";
  const says = saysOf(headline);
  if (says === null) return `says "${headline}"`;
  const since = request.over ?? Infinity;
  const isLate = at > since + (isCalm ? UNDER_WAY_MS.calm : UNDER_WAY_MS.any);
  if (says === "waits" && isLate) return "says that something waits which is over";
  const isDecided = request.decided?.entry.data.decision === says;
  if (says !== "waits" && !isDecided) return "says what nobody decided";
  if (to === null) return null;
  if (to.role === "viewer") return "goes to somebody who decides nothing";
  const isOwn = request.decided?.entry.subject.member === to.member;
  return says !== "waits" && isOwn ? "tells somebody of their own decision" : null;
}

const NOT_CONCERNED = "members hear what happened, and nobody whom it does not concern";
const TOLD = "members are told how a request ended, or it is written down that it failed";

/** What members hear by mail is so, concerns them, and has no user and resource in it. */
export const lettersAreTrue: Invariant = () => {
  const requests = new Requests();
  const hearers = new Map<string, Hearing>();
  return function* (happening) {
    if (happening.is === "logged") {
      requests.follow(happening.entry, happening.now);
    }
    if (happening.is === "hears") hearers.set(happening.hearer.email, happening.hearer);
    if (happening.is !== "mailed") return;
    const { mail, at, isCalm } = happening;
    const to = hearers.get(mail.to);
    if (to === undefined) return;
    const approval = /\/approvals\/(\w+)/.exec(mail.text)?.[1] ?? "";
    const why = wrong({ approval, headline: mail.subject, at, isCalm }, requests, to) ??
      privateIn(`${mail.subject} ${mail.text}`) ??
      (saysOf(mail.subject) !== "waits" && !to.wantsEnds ? "is what they did not want" : null);
    if (why === null) return;
    yield { invariant: NOT_CONCERNED, where: `the letter of ${approval} to ${mail.to} ${why}` };
  };
};

/** What alerts never say: what users and resources are called here. */
function privateIn(said: string): string | null {
  const word = ["-of-the-app", "once-", "often-"].find((word) => said.includes(word));
  return word === undefined ? null : `has ${word}`;
}

/** Whose a browser is, as far as is known. */
interface Subscribed {
  /** By their address; null for nobody. */
  of: string | null;
  /** Since when, milliseconds of the world's time. */
  since: number;
  /** Whether a change is under way. */
  isChanging: boolean;
  /** Whether nobody heard what became of a change: it may come true at any time. */
  isUnsure: boolean;
  /** When it said that it takes nothing any more, in a world that was calm. */
  goneSince: number | null;
  /** Whether it ever said so. */
  isGone: boolean;
}

/** Whose the browsers of an org are, by what was asked and answered. */
export class Browsers extends Map<string, Subscribed> {
  readonly #ids = new Map<string, string>();

  follow(asked: Asked, isAnswered: boolean): void {
    const { deed, body, credential, status, answered_at, answer } = asked;
    if (deed !== "subscribe" && deed !== "unsubscribe") return;
    const given = body as { readonly endpoint?: string; readonly id?: string };
    const name = given.endpoint?.split("/").at(-1) ?? this.#ids.get(given.id ?? "") ?? "";
    const one = this.getOrInsertComputed(name, () => ({
      of: null,
      since: 0,
      isChanging: false,
      isUnsure: false,
      goneSince: null,
      isGone: false,
    }));
    one.isChanging = !isAnswered;
    if (!isAnswered) {
      // Whoever subscribes it again has it asked again.
      if (deed === "subscribe") one.goneSince = null;
      return;
    }
    if (status === null || status >= 500) one.isUnsure = true;
    if (status !== 200) return;
    one.of = deed === "subscribe" ? credential : null;
    one.since = answered_at ?? 0;
    if (deed === "subscribe") this.#ids.set(answer.id, name);
  }
}

/**
 * A push is of use to its browser alone, signed by the one key of the deployment, concerns whoever has
 * that browser, and goes to none that takes nothing any more.
 */
export const pushesAreTrue: Invariant = () => {
  const requests = new Requests();
  const hearers = new Map<string, Hearing>();
  const browsers = new Browsers();
  let signer: string | null = null;

  return function* (happening) {
    if (happening.is === "logged") {
      requests.follow(happening.entry, happening.now);
    }
    if (happening.is === "hears") hearers.set(happening.hearer.email, happening.hearer);
    if (happening.is === "asked") browsers.follow(happening.asked, false);
    if (happening.is === "answered") browsers.follow(happening.asked, true);
    if (happening.is !== "pushed") return;
    const { push, isCalm } = happening;
    const one = browsers.get(push.browser);
    const where = (why: string) => `the push to ${push.browser} at ${push.at} ${why}`;
    const sealed = "a push is read by its browser alone, and signed by the one key";
    const { read } = push;
    if (read === null) return yield { invariant: sealed, where: where("is not for its keys") };
    const { title = "", body = "", url = "" } = read;
    if ([title, url, ...body.split("\n")].some((line) => push.seen.includes(line))) {
      yield { invariant: sealed, where: where("can be read") };
    }
    signer ??= push.signer;
    if (push.signer === null || push.signer !== signer) {
      yield { invariant: sealed, where: where(`is signed by ${push.signer}`) };
    }
    const approval = url.split("/").at(-1) ?? "";
    const isKnown = one !== undefined && !one.isUnsure && !one.isChanging;
    const bound = isCalm ? UNDER_WAY_MS.calm : UNDER_WAY_MS.any;
    const isSettled = isKnown && push.at > one.since + bound;
    const to = isSettled && one.of !== null ? hearers.get(one.of) ?? null : null;
    const told = { approval, headline: title, at: push.at, isCalm };
    const why = wrong(told, requests, to) ?? privateIn(`${title} ${body}`) ??
      (isSettled && one.of === null ? "goes to a browser that was taken out" : null);
    if (why !== null) yield { invariant: NOT_CONCERNED, where: where(`of ${approval} ${why}`) };
    if (one === undefined) return;
    const isGone = push.status === 404 || push.status === 410;
    if (isCalm && one.goneSince !== null && push.at > one.goneSince + GONE_MS) {
      yield {
        invariant: "a browser that takes nothing any more is not pushed to",
        where: where(`comes after one that was answered so at ${one.goneSince}`),
      };
    }
    if (isGone) one.isGone = true;
    if (isGone && isCalm) one.goneSince ??= push.at;
  };
};

/** How long a push may take whose browser says meanwhile that it takes nothing any more. */
const GONE_MS = 20_000;

/**
 * How a request ended comes to each member who wants to hear it, by each way that they have, at least
 * once and in its bound; or it is written down that it did not.
 */
export const membersAreTold: Invariant = () => {
  const requests = new Requests();
  const hearers = new Map<string, Hearing>();
  const browsers = new Browsers();
  /** What came where: a decision by letter, or to a browser. */
  const came = new Set<string>();
  const failed = new Set<string>();
  const team = new TeamOfLog();
  /** When somebody was named for the first level last: those who hear are then not those who do here. */
  let lastNamed = -Infinity;

  /** Where word of a decision should be by now. */
  function* missing(approval: string, { decided }: Request): Iterable<string> {
    if (decided === null || team.isFirstNamed || decided.now <= lastNamed) return;
    const { entry, now } = decided;
    if (entry.data.level !== 1) return;
    const wants = (one: Hearing | undefined): one is Hearing =>
      one?.role === "approver" && one.member !== entry.subject.member;
    for (const one of hearers.values()) {
      const isThere = came.has(`${approval} ${one.email}`) ||
        failed.has(`${approval} ${one.member} mail`);
      if (one.wantsEnds && wants(one) && !isThere) yield one.email;
    }
    for (const [name, { of, since, isChanging, isUnsure, isGone }] of browsers) {
      const one = hearers.get(of ?? "");
      // Who has it was to be told, and has not changed since.
      if (since > now || isChanging || isUnsure || isGone || !wants(one)) continue;
      const isThere = came.has(`${approval} ${name}`) ||
        failed.has(`${approval} ${one.member} push`);
      if (!isThere) yield name;
    }
  }

  return function* (happening): Iterable<Broken> {
    switch (happening.is) {
      case "hears":
        hearers.set(happening.hearer.email, happening.hearer);
        return;
      case "asked":
      case "answered":
        browsers.follow(happening.asked, happening.is === "answered");
        return;
      case "stored":
        team.learn(happening);
        return;
      case "logged": {
        const { type, subject, data } = happening.entry;
        requests.follow(happening.entry, happening.now);
        if (team.isFirstNamed) lastNamed = happening.now;
        team.take(happening.entry);
        if (type === "alert.failed") {
          failed.add(`${subject.approval} ${subject.member} ${data.channel}`);
        }
        return;
      }
      case "mailed": {
        const { mail } = happening;
        if (saysOf(mail.subject) === "waits") return;
        came.add(`${/\/approvals\/(\w+)/.exec(mail.text)?.[1]} ${mail.to}`);
        return;
      }
      case "pushed": {
        const { browser, read, status } = happening.push;
        if (status === 404 || status === 410) {
          const one = browsers.get(browser);
          if (one !== undefined) one.isGone = true;
        }
        if (status !== 201 || read === null || saysOf(read.title ?? "") === "waits") return;
        came.add(`${read.url?.split("/").at(-1)} ${browser}`);
        return;
      }
      case "passed": {
        const { now, well_since } = happening;
        if (well_since === null) return;
        for (const [approval, request] of requests) {
          const { decided, isMoot } = request;
          if (decided === null || isMoot) continue;
          if (Math.max(well_since, decided.now) + TOLD_MS >= now) continue;
          for (const where of missing(approval, request)) {
            const cause = named(decided.entry);
            yield { invariant: TOLD, where: `${cause} of ${approval} never came to ${where}` };
          }
        }
      }
    }
  };
};
