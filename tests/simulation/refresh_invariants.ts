import { type Invariant, namedAsked, text } from "./evidence.ts";

/** What becomes of credentials whose refresh tokens may be used once. */

/** How long after a loss it may go unsaid, once all is well: the longest that a token lasts, and sweeps. */
const BOUND_MS = 6 * 60 * 1000;

/** A refresh token is sent again only where the server said that it took none. */
export const refreshTokensAreSentOnce: Invariant = () => {
  const taken = new Set<string>();
  return function* (happening) {
    if (happening.is !== "presented") return;
    const { refresh, isTaken } = happening.presented;
    if (taken.has(refresh)) {
      yield { invariant: "a refresh token is sent once", where: `${refresh} comes again` };
    }
    if (isTaken) taken.add(refresh);
  };
};

/** What came of a refresh token is in use, or the log says that a person has to connect it again. */
export const lostTokensAreSaid: Invariant = ({ org }) => {
  const invariant = "a refresh token that is lost is said";
  /** What was exchanged last, and is not seen in use yet. */
  let open: { gives: { refresh: string; access: string } | null; refresh: string } | null = null;
  let since = 0;
  let isSaid = false;
  let now = 0;
  const isIn = (token: string) =>
    open?.gives !== null && (open?.gives.refresh === token || open?.gives.access === token);
  return function* (happening) {
    if (happening.is === "passed") {
      now = happening.now;
      const { well_since } = happening;
      if (open === null || isSaid || well_since === null) return;
      if (Math.max(since, well_since) + BOUND_MS < now) {
        yield { invariant, where: `${open.refresh} of ${org} was taken, and nothing followed` };
      }
    }
    if (happening.is === "shown" && isIn(happening.access)) {
      open = null;
      isSaid = false;
    }
    if (happening.is === "presented") {
      if (isIn(happening.presented.refresh)) isSaid = false;
      if (!happening.presented.isTaken) return;
      open = happening.presented;
      // Time is told now and then: it was not before that.
      since = now + TOLD_EACH_MS;
    }
    if (happening.is === "logged") {
      if (happening.entry.type === "credential.needs_reconnect") isSaid = true;
      if (happening.entry.type === "credential.rotated") {
        open = null;
        isSaid = false;
      }
    }
  };
};

/** How far apart the moments are at which time is told, at most. */
const TOLD_EACH_MS = 30_000;

/** No token of the authorization server stands in any answer to anybody. */
export const noTokenIsTold: Invariant = () => {
  return function* (happening) {
    if (happening.is !== "answered") return;
    const found = /(?:access|refresh)-token-\d+/.exec(text(JSON.stringify(happening.asked.answer)));
    if (found === null) return;
    yield {
      invariant: "no token of a credential is told",
      where: `${namedAsked(happening.asked)} has ${found[0]}`,
    };
  };
};
