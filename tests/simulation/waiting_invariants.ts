import type { Mail } from "../../lib/deps.ts";
import { Browsers, type Request, Requests, saysOf } from "./alert_invariants.ts";
import { type Broken, type Invariant, text } from "./evidence.ts";
import type { Hearing } from "./hearer.ts";
import { TeamOfLog } from "./team_of_log.ts";

/** That members hear of a request in time to decide it. */

/** How soon after a request came it is told, where nothing goes wrong with the deployment; milliseconds. */
const TOLD_WITHIN_MS = 20_000;

/**
 * Each member who may decide a request is told that it waits while it does, by each way that they have,
 * where nothing goes wrong but with mail servers and push services: of those a try is enough.
 */
export const waitingIsTold: Invariant = () => {
  const requests = new Requests();
  const hearers = new Map<string, Hearing>();
  const browsers = new Browsers();
  /** What was tried: a request by letter to somebody, or to a browser. */
  const tried = new Set<string>();
  /** Requests about which somebody has said something: who is told then are others. */
  const begun = new Set<string>();
  const team = new TeamOfLog();
  let calmSince: number | null = null;
  /** When those who hear were not those who decide at the first level, last. */
  let lastNamed = -Infinity;

  function wrote({ subject, text: letter, to }: Mail): void {
    if (saysOf(subject) === "waits") tried.add(`${/\/approvals\/(\w+)/.exec(letter)?.[1]} ${to}`);
  }

  /** To whom nobody has written by now. */
  function* missing(approval: string, { created }: Request): Iterable<string> {
    for (const { email, role } of hearers.values()) {
      if (role === "approver" && !tried.has(`${approval} ${email}`)) yield email;
    }
    for (const [name, { of, since, isChanging, isUnsure, isGone }] of browsers) {
      const isSettled = since <= created && !isChanging && !isUnsure && !isGone;
      if (!isSettled || hearers.get(of ?? "")?.role !== "approver") continue;
      if (!tried.has(`${approval} ${name}`)) yield name;
    }
  }

  /** To whom it was to be told by `now`, and was not. */
  function* untold(approval: string, request: Request, now: number): Iterable<Broken> {
    const { created, isMoot } = request;
    if (calmSince === null || created < calmSince || created + TOLD_WITHIN_MS >= now) return;
    if (isMoot || begun.has(approval) || team.isFirstNamed || created <= lastNamed) return;
    for (const where of missing(approval, request)) {
      yield {
        invariant: "members are told that a request waits, while it does",
        where: `${approval} came at ${created}, and at ${now} nothing was sent to ${where}`,
      };
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
        const { entry, now } = happening;
        const approval = text(entry.subject.approval);
        const before = requests.get(approval);
        if (before !== undefined && before.over === null) yield* untold(approval, before, now);
        requests.follow(entry, now);
        if (entry.type === "approval.decided") begun.add(approval);
        if (team.isFirstNamed) lastNamed = now;
        team.take(entry);
        return;
      }
      case "written":
        return wrote(happening.mail);
      case "pushed": {
        const { browser, read, status } = happening.push;
        if (status === 404 || status === 410) {
          const one = browsers.get(browser);
          if (one !== undefined) one.isGone = true;
        }
        if (read !== null && saysOf(read.title ?? "") === "waits") {
          tried.add(`${read.url?.split("/").at(-1)} ${browser}`);
        }
        return;
      }
      case "passed":
        calmSince = happening.isCalm ? calmSince ?? happening.now : null;
        for (const [approval, request] of requests) {
          if (request.over === null) yield* untold(approval, request, happening.now);
        }
    }
  };
};
