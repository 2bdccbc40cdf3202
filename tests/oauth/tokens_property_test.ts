import fc from "fast-check";
import assert from "node:assert/strict";
import { clientOf } from "../../lib/oauth/client.ts";
import { refreshTokens, useOfRefreshToken } from "../../lib/oauth/refresh.ts";
import { exchangeCode, revokeToken, type TokenAnswer } from "../../lib/oauth/tokens.ts";
import { sweep } from "../../lib/server/due_worker.ts";
import { OAuthWorld, REDIRECT, VERIFIER } from "../helpers/oauth_world.ts";
import { CLIENT } from "../helpers/people.ts";

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;

/** One thing that a client, a thief or time does; numbers pick among what there is by then. */
type Step =
  | { readonly kind: "consent" }
  | { readonly kind: "exchange"; readonly pick: number; readonly own: boolean }
  | { readonly kind: "refresh"; readonly pick: number; readonly own: boolean }
  | { readonly kind: "revoke"; readonly pick: number; readonly of: "access" | "refresh" }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "sweep" };

const pick = fc.nat(50);
const own = fc.integer({ min: 0, max: 5 }).map((n) => n > 0);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: fc.constant({ kind: "consent" } as const) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("exchange" as const), pick, own }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("refresh" as const), pick, own }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("revoke" as const),
      pick,
      of: fc.constantFrom("access" as const, "refresh" as const),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("wait" as const),
      ms: fc.constantFrom(1, 29 * SECOND, 30 * SECOND, 59 * SECOND, HOUR, 29 * DAY, 30 * DAY),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "sweep" } as const) },
);

interface Grant {
  ended: boolean;
}
interface Token {
  readonly text: string;
  readonly grant: Grant;
  readonly expires: number;
}
interface Refresh extends Token {
  used: { readonly at: number; readonly next: readonly [string, string] } | null;
}

/** What every rule says, written down as plainly as can be. */
class Oracle {
  readonly codes: (Token & { used: boolean })[] = [];
  readonly accesses: (Token & { gone: boolean })[] = [];
  readonly refreshes: Refresh[] = [];

  issue(grant: Grant, [access, refresh]: readonly [string, string], now: number): void {
    this.accesses.push({ text: access, grant, expires: now + HOUR, gone: false });
    this.refreshes.push({ text: refresh, grant, expires: now + 30 * DAY, used: null });
  }

  /** Whether an exchange gives tokens. */
  exchange(code: Token & { used: boolean }, own: boolean, now: number): "tokens" | "no" {
    if (!own) return "no";
    if (code.grant.ended) return "no";
    if (code.used) {
      code.grant.ended = true;
      return "no";
    }
    if (now >= code.expires) return "no";
    code.used = true;
    return "tokens";
  }

  /** What a refresh gives. */
  refresh(token: Refresh, own: boolean, now: number): "tokens" | "same" | "no" {
    if (!own || now >= token.expires || token.grant.ended) return "no";
    if (token.used === null) return "tokens";
    if (now - token.used.at < 30 * SECOND) return "same";
    token.grant.ended = true;
    return "no";
  }

  good({ grant, gone, expires }: Token & { gone: boolean }, now: number): boolean {
    return !grant.ended && !gone && now < expires;
  }
}

function given(answer: TokenAnswer): readonly [string, string] | null {
  return "error" in answer ? null : [answer.access_token, answer.refresh_token];
}

Deno.test("codes and tokens behave as a naive model of the rules says, whatever happens", async () => {
  await using world = await OAuthWorld.start();
  const { services, clock } = world;
  const other = "https://other.example/client";

  async function play(steps: readonly Step[]): Promise<void> {
    const oracle = new Oracle();
    const { secret } = await world.ruled.owner.signIn();
    const person = { person: world.ruled.owner, secret };
    const known = await clientOf(services, world.client_id);
    if ("refused" in known) world.client_id = await world.registered();
    const { client_id } = world;

    async function consent() {
      const got = await world.tick(world.query(), {}, person);
      // The session ends before the tokens do.
      if (got.status !== 200) return;
      const text = new URL(got.body.redirect).searchParams.get("code") ?? assert.fail(got.text);
      const expires = clock.now + 60 * SECOND;
      oracle.codes.push({ text, grant: { ended: false }, expires, used: false });
    }

    async function take({ kind, ...step }: Step): Promise<void> {
      const chosen = <T>(list: readonly T[]) =>
        "pick" in step ? list[step.pick % Math.max(1, list.length)] : undefined;
      const now = clock.now;
      const asks = "own" in step && !step.own ? other : client_id;
      if (kind === "wait" && "ms" in step) return clock.advance(step.ms);
      if (kind === "sweep") return await sweep(services, now);
      if (kind === "consent") return await consent();
      if (kind === "exchange") {
        const code = chosen(oracle.codes);
        if (code === undefined) return;
        const presented = {
          client_id: asks,
          code: code.text,
          code_verifier: VERIFIER,
          redirect_uri: REDIRECT,
          resource: null,
        };
        const tokens = given(await exchangeCode(services, presented, CLIENT));
        const expected = oracle.exchange(code, asks === client_id, now);
        assert.equal(tokens !== null, expected === "tokens");
        if (tokens !== null) oracle.issue(code.grant, tokens, now);
        return;
      }
      if (kind === "refresh") {
        const token = chosen(oracle.refreshes);
        if (token === undefined) return;
        const presented = {
          client_id: asks,
          refresh_token: token.text,
          scope: null,
          resource: null,
        };
        const tokens = given(await refreshTokens(services, presented, CLIENT));
        const expected = oracle.refresh(token, asks === client_id, now);
        assert.equal(tokens !== null, expected !== "no");
        if (tokens === null) return;
        if (expected === "same") return assert.deepEqual(tokens, token.used?.next);
        token.used = { at: now, next: tokens };
        return oracle.issue(token.grant, tokens, now);
      }
      if (kind === "revoke" && "of" in step) {
        const isAccess = step.of === "access";
        const token = isAccess ? chosen(oracle.accesses) : chosen(oracle.refreshes);
        if (token === undefined) return;
        await revokeToken(services, { token: token.text, client_id: null }, CLIENT);
        if (now >= token.expires) return;
        if ("gone" in token) token.gone = true;
        else token.grant.ended = true;
      }
    }

    await consent();
    for (const one of steps) {
      await take(one);
      for (const access of oracle.accesses) {
        const good = await world.present(access.text) !== null;
        assert.equal(good, oracle.good(access, clock.now));
      }
    }
  }

  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), play),
    { numRuns: 40 },
  );
});

Deno.test("useOfRefreshToken() is the table of its states", () => {
  const at = 1_000_000;
  const unused = { client_id: "a", expires_at: at, successor: null };
  const used = { ...unused, successor: { at: at - 60_000, sealed: new Uint8Array() } };
  const by = (client_id: string) => ({ client_id });
  assert.equal(useOfRefreshToken(unused, by("a"), at - 1), "rotates");
  assert.equal(useOfRefreshToken(unused, by("a"), at), "refused");
  assert.equal(useOfRefreshToken(unused, by("b"), at - 1), "refused");
  assert.equal(useOfRefreshToken(used, by("a"), at - 60_000), "repeats");
  assert.equal(useOfRefreshToken(used, by("a"), at - 30_001), "repeats");
  assert.equal(useOfRefreshToken(used, by("a"), at - 30_000), "reuses");
  assert.equal(useOfRefreshToken(used, by("b"), at - 30_001), "refused");
  assert.equal(useOfRefreshToken(used, by("b"), at - 30_000), "refused");
  assert.equal(useOfRefreshToken(used, by("a"), at), "refused");
});
