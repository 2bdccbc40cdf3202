import type { z } from "zod";
import { MEMBER_RATE_LIMIT, memberCaller } from "../../lib/identity/acting.ts";
import type { MemberCaller } from "../../lib/identity/caller.ts";
import { requireRight } from "../../lib/identity/deeds.ts";
import { findSession, type PresentedSession } from "../../lib/identity/sessions.ts";
import type { Right } from "../../lib/policy/rights.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { Services } from "../../lib/services.ts";
import type { Exchange } from "../http/serve.ts";
import { originCheck, readCookie, setCookieLine } from "../http/headers.ts";
import { parseInput, queryOf } from "../http/inputs.ts";
import { SurfaceRefusal } from "../http/problem_document.ts";
import { AccountCall, BrowserCall, MemberCall, type Received } from "./browser_call.ts";

/** Whom a page or endpoint is for, and what it takes. */
type Asked =
  & {
    readonly path: string;
    readonly params?: z.ZodType;
    readonly query?: z.ZodType;
    /** True for what an open page asks by itself: no use of the session. */
    readonly isWatch?: boolean;
  }
  & (
    | { readonly audience: "member"; readonly needs: Right }
    | { readonly audience: "account" | "anyone" }
  );

/**
 * The request of a browser as the route asks for it: who sent it is known, and may ask this. Its
 * inputs are parsed; the body last, by `readInput`, once it is known that it is worth reading.
 * @throws {Refusal} session_ended, membership_ended, role_required, rate_limited, invalid_request
 * @throws {SurfaceRefusal} foreign_origin for a change that another site sent
 */
export async function browserCall(
  exchange: Exchange,
  asked: Asked,
  readInput: () => Promise<unknown> = () => Promise.resolve(undefined),
): Promise<BrowserCall> {
  const { services, request, id, c } = exchange;
  const { url } = services.settings;
  const verdict = originCheck(request, url.origin);
  if (!verdict.allowed) throw new SurfaceRefusal("foreign_origin", { origin: verdict.got });
  const cookie = readCookie(request.headers, url, "session");
  const found = await findSession(services.deps, cookie, !asked.isWatch);
  const session = typeof found === "string" ? null : found;
  if (asked.audience !== "anyone" && typeof found === "string") {
    throw new Refusal("session_ended", { why: found });
  }
  const client = exchange.client("dashboard");
  const member = asked.audience === "member" && session !== null
    ? { needs: asked.needs, caller: await memberOf(services, session, asked.needs) }
    : null;
  if (member === null) limitPerson(services, request, session, client.ip);
  const received: Received = {
    services,
    request,
    id,
    path: c.req.path,
    params: asked.params === undefined ? undefined : parseInput(asked.params, c.req.param()),
    query: asked.query === undefined ? undefined : parseInput(asked.query, queryOf(request.url)),
    body: await readInput(),
    client,
    flow: readCookie(request.headers, url, "flow"),
  };
  exchange.org = session?.record.org ?? null;
  exchange.caller = session?.record.id ?? null;
  if (session === null || asked.audience === "anyone") return new BrowserCall(received, session);
  return member === null
    ? new AccountCall(received, session)
    : new MemberCall(received, session, member.needs, member.caller);
}

/**
 * What somebody may send outside of any org: a person as much as a member of one; whoever is not
 * signed in may look as they like, and store little.
 * @throws {Refusal} rate_limited
 */
function limitPerson(
  { deps, rateLimits, sourceLimits }: Services,
  { method }: Request,
  session: PresentedSession | null,
  ip: string | null,
): void {
  const now = deps.now();
  if (session !== null) {
    const { account: id } = session.record;
    rateLimits.take({ id, rate_limit_per_minute: MEMBER_RATE_LIMIT }, now);
  } else if (method === "POST") sourceLimits.take(ip, now);
}

/** @throws {Refusal} membership_ended, role_required, rate_limited */
async function memberOf(
  services: Services,
  { record }: PresentedSession,
  needs: Right,
): Promise<MemberCaller> {
  if (record.org === null) throw new Refusal("membership_ended", { organization: null });
  const caller = await services.ledgers.transact(record.org, {
    plan: ({ snapshot, now }) => memberCaller(snapshot, record, now),
  });
  services.rateLimits.take(caller, services.deps.now());
  requireRight(caller, needs);
  return caller;
}

/** Puts the cookies that a call sets into its answer. */
export function addCookies(headers: Headers, { cookies, services }: BrowserCall): void {
  for (const cookie of cookies) {
    headers.append("set-cookie", setCookieLine(services.settings.url, cookie));
  }
}
