import { z } from "zod";
import { VERSION } from "../../lib/base/version.ts";
import { publishedKeysOf } from "../../lib/evidence/published_keys.ts";
import { publishedKey } from "../fields/log.ts";
import type { OpenCall } from "../http/call.ts";
import { open, type Route } from "../http/route.ts";

const readiness = z.object({
  status: z.enum(["ready", "not_ready"]),
  process: z.enum(["serving", "stopping"]).describe(
    "`stopping`: told to stop, it serves on for COUNTERSIGN_DRAIN_SECONDS",
  ),
  store: z.enum(["ok", "failing"]).describe("Whether the store takes a write"),
  policy: z.enum(["ok", "failing"]).describe("Whether policy can be read"),
  clock: z.enum(["ok", "jumped", "behind", "drifted", "unknown"]).describe(
    "`behind`: more than 5 minutes behind the newest entry of a log. `drifted`: set by more than 5 " +
      "minutes while the process ran. Nothing is committed by either. `jumped`: at the start it lay " +
      "more than a day after the store was last in use; that is said only.",
  ),
  forwarded_for: z.enum(["ok", "ignored"]).describe(
    "`ignored`: requests came through a proxy that COUNTERSIGN_TRUSTED_PROXY does not count, so all " +
      "its clients are limited as one; that is said only.",
  ),
  waking: z.enum(["queue", "sweep"]).describe("What wakes work that is due"),
});

/** For whatever watches the process: open, and silent about who uses it. */
export const healthRoutes: readonly Route[] = [
  open({
    method: "get",
    path: "/healthz",
    group: "Health",
    summary: "Whether the process is up",
    anyHost: true,
    answers: {
      200: z.object({
        status: z.literal("ok"),
        version: z.string().describe("The release that answers"),
      }),
    },
    handle: () => ({ status: 200, body: { status: "ok", version: VERSION } }),
  }),
  open({
    method: "get",
    path: "/readyz",
    group: "Health",
    summary: "Whether the process can decide",
    description: "A report stands for one second.",
    anyHost: true,
    answers: { 200: readiness, 503: readiness },
    handle: async ({ services }) => {
      const { ready, ...checks } = await services.readiness.report();
      return {
        status: ready ? 200 : 503,
        body: {
          status: ready ? "ready" : "not_ready",
          ...checks,
          forwarded_for: services.forwardedFor.isIgnored ? "ignored" : "ok",
        },
      };
    },
  }),
];

const keyParams = z.strictObject({ org_id: z.string().max(64) });

const HEADERS = {
  "cache-control": "public, max-age=300",
  // Public keys are for everybody, pages that verify in the browser included.
  "access-control-allow-origin": "*",
};

async function logKeysOf({ services, params }: OpenCall) {
  const { org_id: org } = keyParams.parse(params);
  const keys = await publishedKeysOf(services, org);
  return { status: 200, body: { keys: keys.map((key) => ({ ...key })) }, headers: HEADERS };
}

export const wellKnownRoutes: readonly Route[] = [
  open({
    method: "get",
    path: "/.well-known/countersign/keys/:org_id",
    group: "Audit log",
    summary: "List the public keys of an organization's log",
    description:
      "A JWK set; retired keys stay in it, each with the size up to which it counts. Keep it apart from the log: only keys that " +
      "you got before, and from elsewhere, prove who signed.",
    params: keyParams,
    answers: { 200: z.object({ keys: z.array(publishedKey) }) },
    refusals: ["not_found"],
    handle: logKeysOf,
  }),
];
