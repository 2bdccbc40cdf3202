import { z } from "zod";
import { publishedKeysOf } from "../lib/evidence/published_keys.ts";
import type { OpenCall } from "./http/call.ts";
import { open, type Route } from "./http/route.ts";
import { publishedKey } from "./v1/log_entries.ts";

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
