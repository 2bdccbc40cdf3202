import { z } from "zod";
import { fromBase64Url, toBase64Url } from "../../lib/base/bytes.ts";
import type { JsonObject } from "../../lib/base/json.ts";
import { pagePath } from "../../lib/base/page_path.ts";
import {
  type GivenPasskey,
  readUserPasskeys,
  setUserPasskeys,
  USER_PASSKEY_LIMITS,
} from "../../lib/confirming/passkeys.ts";
import { makeEnrolment } from "../../lib/confirming/enrolment.ts";
import type { UserPasskeys } from "../../lib/store/records/user.ts";
import { userId } from "../fields/action.ts";
import { guarded, type Route } from "../http/route.ts";

const group = "Confirmations";

const PATH = "/v1/users/:id/passkeys";

const byUser = z.object({ id: userId });

function base64Url(most: number, what: string) {
  return z.string().max(Math.ceil(most * 4 / 3)).refine((text) => {
    const bytes = fromBase64Url(text);
    return bytes !== null && bytes.length > 0 && bytes.length <= most;
  }, `must be 1 to ${most} bytes in base64url`).describe(what);
}

const host = z.string().max(253).regex(/^(?:[a-z0-9-]{1,63}\.)*[a-z0-9-]{1,63}$/, "must be a host");

const passkey = z.strictObject({
  credential_id: base64Url(1023, "Of the passkey, base64url"),
  public_key: base64Url(1024, "COSE_Key, base64url"),
  rp_id: host.describe("The site that the passkey is of"),
  origins: z.array(z.string().max(256)).min(1).max(USER_PASSKEY_LIMITS.origins)
    .describe("Where it may be used, such as https://app.example.com"),
}).superRefine(({ rp_id, origins }, context) => {
  origins.forEach((origin, i) => {
    const problem = originProblem(origin, rp_id);
    if (problem !== null) {
      context.addIssue({ code: "custom", path: ["origins", i], message: problem });
    }
  });
});

/** What is wrong with a site at which a passkey of `rpId` is used; null for nothing. */
function originProblem(origin: string, rpId: string): string | null {
  const url = URL.parse(origin);
  if (url === null || url.origin !== origin) return "must be an origin, without a path";
  const isLocal = url.hostname === "localhost" || url.hostname.endsWith(".localhost");
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLocal)) return "must be https";
  const isOf = url.hostname === rpId || url.hostname.endsWith(`.${rpId}`);
  return isOf ? null : `is not of ${rpId}`;
}

const body = z.strictObject({
  passkeys: z.array(passkey).max(USER_PASSKEY_LIMITS.passkeys).refine(
    (all) => new Set(all.map(({ credential_id }) => credential_id)).size === all.length,
    "names a passkey twice",
  ),
});

const time = z.iso.datetime();

const answer = z.object({
  user_id: z.string(),
  passkeys: z.array(z.object({
    credential_id: z.string(),
    public_key: z.string(),
    rp_id: z.string(),
    origins: z.array(z.string()),
    registered_at: time,
    usable_from: time.describe("Before, it answers nothing: another was just replaced or removed"),
  })),
  held_until: time.nullable().describe("Until when nothing newer answers for the user"),
});

function render(user_id: string, { passkeys, held_until }: UserPasskeys, now: number): JsonObject {
  return {
    user_id,
    passkeys: passkeys.map((one) => ({
      credential_id: one.credential_id,
      public_key: toBase64Url(one.public_key),
      rp_id: one.rp_id,
      origins: [...one.origins],
      registered_at: new Date(one.registered_at).toISOString(),
      usable_from: new Date(one.usable_from).toISOString(),
    })),
    held_until: held_until > now ? new Date(held_until).toISOString() : null,
  };
}

function givenOf(all: z.output<typeof body>["passkeys"]): GivenPasskey[] {
  return all.map(({ credential_id, public_key, rp_id, origins }) => ({
    credential_id,
    public_key: fromBase64Url(public_key) ?? new Uint8Array(0),
    rp_id,
    origins,
  }));
}

/** Which passkeys may speak for a user: for a management key with `user_passkeys`. */
export const userPasskeyRoutes: readonly Route[] = [
  guarded({
    method: "get",
    path: PATH,
    group,
    summary: "Read the passkeys that speak for a user",
    callers: ["management"],
    params: byUser,
    answers: { 200: answer },
    handle: async (call) => {
      const { id } = call.params;
      const found = await call.transact(readUserPasskeys(id));
      return { status: 200, body: render(id, found, call.services.deps.now()) };
    },
  }),
  guarded({
    method: "put",
    path: PATH,
    group,
    summary: "Say which passkeys speak for a user",
    description:
      "Only those that were registered before a question was asked answer it. Where one in force " +
      "is replaced or removed, neither a newer one nor the application answers for 24 hours. Needs " +
      "a management key with `user_passkeys`.",
    callers: ["management"],
    params: byUser,
    body,
    answers: { 200: answer },
    handle: async (call) => {
      const { id } = call.params;
      const given = givenOf(call.body.passkeys);
      const { record } = await call.transact(setUserPasskeys(id, given, call.id));
      return { status: 200, body: render(id, record, call.services.deps.now()) };
    },
  }),
  guarded({
    method: "post",
    path: "/v1/users/:id/enrolment",
    group,
    summary: "Make a link by which a user makes a passkey on our page",
    description:
      "Send it to the user yourself: whoever opens it first makes the passkey. It serves once, for " +
      "fifteen minutes.",
    callers: ["management"],
    params: byUser,
    answers: { 201: z.object({ url: z.string(), expires_at: time }) },
    handle: (call) =>
      call.commit(makeEnrolment(call.params.id, call.id), ({ secret, expires_at }) => ({
        status: 201,
        body: {
          url: call.services.settings.url.origin + pagePath("/enrol/:link", { link: secret }),
          expires_at: new Date(expires_at).toISOString(),
        },
      })),
  }),
  guarded({
    method: "delete",
    path: PATH,
    group,
    summary: "Remove all passkeys of a user",
    callers: ["management"],
    params: byUser,
    answers: { 200: answer },
    handle: async (call) => {
      const { id } = call.params;
      const { record } = await call.transact(setUserPasskeys(id, [], call.id));
      return { status: 200, body: render(id, record, call.services.deps.now()) };
    },
  }),
];
