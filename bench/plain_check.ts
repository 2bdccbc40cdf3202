import { hash } from "node:crypto";
import { IdMaker } from "../lib/base/id.ts";
import { actionDigest } from "../lib/decisions/decide.ts";
import { ruleKey } from "../lib/store/keys.ts";
import { LEVELS } from "../lib/store/records/vocabulary.ts";
import { systemRandom } from "../lib/store/system.ts";
import {
  CATEGORY,
  type Question,
  samplePolicy,
  type SampleRule,
  TAG,
  TOOLS,
} from "./sample_policy.ts";

/**
 * The check as one would first write it, for comparison: it reads the twenty records that a
 * decision depends on, and writes its entry, one commit a request. It decides what the service
 * decides, and leaves out what the service adds: no proof that the policy did not move between
 * reading and writing, no scrubbing and sealing, no order and no tree in the log.
 *
 * `plain_check.ts FILE RULES KEY` makes the store, and serves on a port that it says on standard
 * output.
 */

const ORG = "org_plain";
const [path = "", ruleCount = "0", acceptedKey = ""] = Deno.args;
const kv = await Deno.openKv(path);
const ids = new IdMaker(systemRandom);
let answered = 0;

interface Key {
  readonly id: string;
  readonly tier: string;
}
interface Tool {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly category: string;
  readonly tags: readonly string[];
}
interface Rule extends SampleRule {
  readonly id: string;
}

/** The keys of the eight levels in one half of the walk, most specific first. */
function levelKeys(action: Question, tenant_id: string | null, tag: string | null): Deno.KvKey[] {
  const facts = { ...action, tag };
  return LEVELS.map(({ parts }) => {
    const named: readonly string[] = parts;
    const part = (name: "resource_id" | "tool_name" | "method" | "tag") =>
      named.includes(name) ? facts[name] : null;
    return [
      ...ruleKey(ORG, {
        tenant_id,
        resource_id: part("resource_id"),
        tool_name: part("tool_name"),
        method: part("method"),
        tag: part("tag"),
      }),
    ];
  });
}

async function check(request: Request): Promise<Response> {
  const secret = request.headers.get("x-api-key") ?? "";
  const action = await request.json() as Question;
  // Ten keys are the most that one call reads; the tool's tag and category are known after it.
  const [key, org, tool, ...first] = await kv.getMany<[Key, { name: string }, Tool, ...Rule[]]>([
    ["key", hash("sha256", secret, "hex")],
    ["org", ORG],
    ["tool", ORG, action.tool_name],
    ...levelKeys(action, action.tenant_id, null).slice(0, 7),
  ]);
  if (!key?.value || !org?.value || !tool?.value) return new Response(null, { status: 401 });
  const tag = tool.value.tags[0] ?? null;
  const [category, ...second] = await kv.getMany<[{ default_permission: string }, ...Rule[]]>([
    ["category", ORG, tool.value.category],
    ...levelKeys(action, action.tenant_id, tag).slice(7),
    ...levelKeys(action, null, tag),
  ]);
  const levels = [...LEVELS.map(({ tenant }) => tenant), ...LEVELS.map(({ org }) => org)];
  const found = [...first, ...second].findIndex((rule) => rule.value !== null);
  const rule = [...first, ...second][found]?.value as Rule | undefined;
  const permission = rule?.permission ?? category?.value?.default_permission ?? "requires_approval";
  const resolved_from = levels[found] ?? "category_default";

  const now = Date.now();
  const decided_at = new Date(now).toISOString();
  const decision_id = ids.make("dec", now);
  const action_digest = actionDigest(ORG, {
    tool: action.tool_name,
    tenant: action.tenant_id,
    resource: action.resource_id,
    method: action.method,
    arguments: action.arguments,
  });
  const entry = JSON.stringify({
    id: decision_id,
    at: decided_at,
    actor: key.value.id,
    action,
    permission,
    resolved_from,
    rule_id: rule?.id ?? null,
    action_digest,
  });
  await kv.atomic().set(["audit", ORG, decision_id], entry).commit();
  return Response.json({
    decision_id,
    permission,
    resolved_from,
    rule_id: rule?.id ?? null,
    policy_version: 1,
    action_digest,
    tool: { id: tool.value.id, name: tool.value.name, status: tool.value.status },
    decided_at,
    audit: { index: answered++, leaf_hash: hash("sha256", entry, "hex") },
    next: permission === "allowed"
      ? { mint: "/v1/tokens/mint" }
      : { request_approval: "/v1/approvals" },
  });
}

async function seed(): Promise<void> {
  await kv.set(["key", hash("sha256", acceptedKey, "hex")], { id: "key_plain", tier: "standard" });
  await kv.set(["org", ORG], { name: "plain" });
  await kv.set(["category", ORG, CATEGORY], { default_permission: "requires_approval" });
  for (const name of TOOLS) {
    const tool: Tool = {
      id: `tol_${name}`,
      name,
      status: "approved",
      category: CATEGORY,
      tags: [TAG],
    };
    await kv.set(["tool", ORG, name], tool);
  }
  for (const rule of samplePolicy(Number(ruleCount)).rules) {
    await kv.set([...ruleKey(ORG, rule.selector)], { id: ids.make("rul", Date.now()), ...rule });
  }
}

await seed();
Deno.serve(
  {
    port: 0,
    hostname: "127.0.0.1",
    onListen: ({ port }) => console.log(JSON.stringify({ port })),
  },
  check,
);
