import assert from "node:assert/strict";
import { Countersign } from "../helpers/countersign.ts";
import { assertProblem } from "../helpers/refused.ts";
import { configEntries, toolsToCancel } from "./changes.ts";

const CHECK = "/v1/permissions/check";
const DEFAULTS = {
  description: "",
  category: null,
  tags: [],
  risk_level: "medium",
  parameters: null,
  default_permission: null,
  annotations: { read_only: false, destructive: true, idempotent: false, open_world: true },
  annotations_acknowledged: false,
  required_tier: 0,
  required_facts: [],
  methods: null,
  requires_second_approval: false,
  requires_mandate: false,
  approval_timeout_seconds: null,
  approval_use_seconds: null,
  kill_switch: { active: false, reason: null },
  status: "draft",
  discovered: false,
  created_at: "2026-01-01T00:00:00.000Z",
  updated_at: "2026-01-01T00:00:00.000Z",
};

Deno.test("A tool is registered, read, replaced, changed and archived, each in the log", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const path = "/v1/tools/ops/restart_service";
  assertProblem(await org.get(path), 404, "not_found");
  assertProblem(await org.manage("PATCH", path, {}), 404, "not_found");
  assertProblem(await org.manage("DELETE", path), 404, "not_found");

  const description = {
    description: "Restarts one service",
    category: "operations",
    tags: ["ops", "production"],
    risk_level: "high",
    parameters: { type: "object", properties: { force: { type: "boolean" } } },
    default_permission: "requires_approval",
    annotations: { destructive: false, idempotent: true },
    annotations_acknowledged: true,
    required_tier: 2,
    required_facts: ["resource"],
    methods: ["GET", "post"],
    requires_second_approval: true,
    approval_timeout_seconds: 600,
    approval_use_seconds: 60,
  };
  const made = await org.manage("PUT", path, description);
  assert.equal(made.status, 201);
  const { id, policy_version, ...tool } = made.body;
  assert.match(id, /^tol_/);
  assert.deepEqual(tool, {
    ...DEFAULTS,
    ...description,
    name: "ops/restart_service",
    annotations: { read_only: false, destructive: false, idempotent: true, open_world: true },
    status: "approved",
  });
  assert.deepEqual((await org.get(path)).body, { id, ...tool });
  assert.deepEqual((await org.get("/v1/tools/ops%2Frestart_service")).body, { id, ...tool });

  const again = await org.manage("PUT", path, { name: "ops/restart_service", ...description });
  assert.equal(again.status, 200);
  assert.deepEqual(again.body, made.body, "what changes nothing makes no version");

  countersign.clock.advance(1000);
  const changed = await org.manage("PATCH", path, {
    risk_level: "low",
    annotations: { read_only: true },
    tags: [],
  });
  assert.equal(changed.status, 200);
  assert.deepEqual(changed.body, {
    ...made.body,
    risk_level: "low",
    annotations: { ...tool.annotations, read_only: true },
    tags: [],
    updated_at: "2026-01-01T00:00:01.000Z",
    policy_version: policy_version + 1,
  });

  const replaced = await org.manage("PUT", path, { annotations_acknowledged: true });
  assert.equal(replaced.status, 200);
  assert.deepEqual(replaced.body, {
    id,
    name: tool.name,
    ...DEFAULTS,
    annotations_acknowledged: true,
    status: "approved",
    updated_at: "2026-01-01T00:00:01.000Z",
    policy_version: policy_version + 2,
  });

  const archived = await org.manage("DELETE", path);
  assert.equal(archived.status, 200);
  assert.equal(archived.body.status, "archived");
  assert.equal(archived.body.removed, false);
  assert.equal((await org.get(path)).body.status, "archived");
  const check = await org.post(CHECK, { tool_name: tool.name, resource_id: "r" });
  assert.equal(check.body.resolved_from, "gate_tool_disabled");
  assert.deepEqual((await org.manage("DELETE", path)).body, archived.body);

  const entries = await configEntries(org);
  assert.deepEqual(entries.map(({ type }) => type), [
    "tool.set",
    "tool.set",
    "tool.set",
    "tool.archived",
  ]);
  assert.deepEqual(entries[1], {
    type: "tool.set",
    subject: { tool: tool.name },
    data: {
      tool_id: id,
      changed: {
        tags: [],
        risk_level: "low",
        annotations: { ...tool.annotations, read_only: true },
      },
      policy_version: policy_version + 1,
    },
  });
  assert.deepEqual(entries[3]?.data.changed, { status: "archived" });
});

Deno.test("POST /v1/tools registers a tool, and answers a repetition from what it kept", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const body = { name: "read_file", annotations_acknowledged: true };
  const once = { "idempotency-key": "one" };
  const made = await org.manage("POST", "/v1/tools", body, once);
  assert.equal(made.status, 201);
  assert.equal(made.body.status, "approved");
  const repeated = await org.manage("POST", "/v1/tools", body, once);
  assert.equal(repeated.status, 201);
  assert.equal(repeated.headers.get("idempotent-replayed"), "true");
  assert.deepEqual(repeated.body, made.body);
  const replaced = await org.manage("POST", "/v1/tools", { ...body, description: "Reads" });
  assert.equal(replaced.status, 200);
  assert.equal(replaced.body.id, made.body.id);
  assertProblem(await org.manage("POST", "/v1/tools", {}), 422, "invalid_request", "/name");
});

Deno.test("A draft is removed by DELETE, so that its name may be discovered anew", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.post(CHECK, { tool_name: "odd" });
  const removed = await org.manage("DELETE", "/v1/tools/odd");
  assert.equal(removed.status, 200);
  assert.equal(removed.body.removed, true);
  assertProblem(await org.get("/v1/tools/odd"), 404, "not_found");
  assertProblem(await org.manage("DELETE", "/v1/tools/odd"), 404, "not_found");
  const [entry] = await configEntries(org);
  assert.equal(entry?.type, "tool.removed");
});

Deno.test("A tool refuses what does not fit, naming the member", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const acknowledged = { annotations_acknowledged: true };
  const cases: [unknown, string][] = [
    [{ status: "approved" }, "/annotations_acknowledged"],
    [{ description: "x".repeat(16_385) }, "/description"],
    [{ category: "" }, "/category"],
    [{ tags: Array.from({ length: 17 }, (_, i) => `t${i}`) }, "/tags"],
    [{ tags: ["a", "a"] }, "/tags"],
    [{ tags: ["a\u202eb"] }, "/tags/0"],
    [{ risk_level: "extreme" }, "/risk_level"],
    [{ default_permission: "perhaps" }, "/default_permission"],
    [{ annotations: { readonly: true } }, "/annotations/readonly"],
    [{ annotations: { read_only: 1 } }, "/annotations/read_only"],
    [{ required_tier: 4 }, "/required_tier"],
    [{ required_facts: ["tool"] }, "/required_facts/0"],
    [{ required_facts: ["tenant", "tenant"] }, "/required_facts"],
    [{ methods: [] }, "/methods"],
    [{ methods: "GET" }, "/methods"],
    [{ methods: ["GET", "get"] }, "/methods"],
    [{ methods: ["GET", ""] }, "/methods/1"],
    [{ methods: ["GET|POST"] }, "/methods/0"],
    [{ methods: ["*"] }, "/methods/0"],
    [{ methods: ["G\u00c9T"] }, "/methods/0"],
    [{ methods: Array.from({ length: 65 }, (_, i) => `m${i}`) }, "/methods"],
    [{ approval_timeout_seconds: 59 }, "/approval_timeout_seconds"],
    [{ approval_use_seconds: 86_401 }, "/approval_use_seconds"],
    [{ kill_switch: true }, "/kill_switch"],
    [{ status: "live" }, "/status"],
    [{ name: "other" }, "/name"],
    [{ discovered: true }, "/discovered"],
    [{ id: "tol_x" }, "/id"],
    [{ parameters: [] }, "/parameters"],
    [{ parameters: { type: "array" } }, "/parameters/type"],
    [{ parameters: { properties: { a: { type: "strin" } } } }, "/parameters/properties/a/type"],
    [{ parameters: { $ref: "https://elsewhere.example/schema" } }, "/parameters/$ref"],
    [{ parameters: { title: "x".repeat(33_000) } }, "/parameters"],
    [
      { parameters: { properties: { a: { pattern: "(?=a)" } } } },
      "/parameters/properties/a/pattern",
    ],
  ];
  for (const [body, path] of cases) {
    assertProblem(await org.manage("PUT", "/v1/tools/x", body), 422, "invalid_request", path);
  }
  assertProblem(await org.get("/v1/tools/x"), 404, "not_found");
  await org.manage("PUT", "/v1/tools/x", acknowledged);
  for (const [body, path] of cases.slice(1)) {
    assertProblem(await org.manage("PATCH", "/v1/tools/x", body), 422, "invalid_request", path);
  }
  const unstood = await org.manage("PATCH", "/v1/tools/x", { annotations_acknowledged: false });
  assertProblem(unstood, 422, "invalid_request", "/annotations_acknowledged");
});

Deno.test("A changed definition, or asking for more, has approvals of the tool looked at; another change not", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const put = (fields: unknown) => org.manage("PUT", "/v1/tools/x", fields);
  const base = { annotations_acknowledged: true, description: "One" };
  await put(base);
  const harmless = [
    { default_permission: "allowed" },
    { category: "c", tags: ["t"], required_tier: 1 },
    { approval_timeout_seconds: 60, approval_use_seconds: 60 },
    { kill_switch: { active: true } },
    { status: "disabled" },
  ];
  for (const fields of harmless) {
    assert.equal((await org.manage("PATCH", "/v1/tools/x", fields)).status, 200);
  }
  assert.deepEqual(await toolsToCancel(org), []);
  const redefining = [
    { requires_second_approval: true },
    { required_facts: ["tenant"] },
    { description: "Two" },
    { risk_level: "critical" },
    { annotations: { idempotent: true } },
    { parameters: { type: "object", properties: JSON.parse('{"__proto__":{}}') } },
    { parameters: null },
  ];
  for (const [i, fields] of redefining.entries()) {
    countersign.clock.advance(1);
    assert.equal((await org.manage("PATCH", "/v1/tools/x", fields)).status, 200);
    assert.equal((await toolsToCancel(org)).length, i + 1, JSON.stringify(fields));
  }
  await org.manage("PUT", "/v1/tools/draft", {});
  await org.manage("DELETE", "/v1/tools/draft");
  assert.ok((await toolsToCancel(org)).includes("draft"));
});

Deno.test("A large schema is logged as its digest and kept whole", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const parameters = {
    type: "object",
    properties: Object.fromEntries(
      Array.from({ length: 300 }, (_, i) => [`field_${i}`, { type: "string", title: `№ ${i}` }]),
    ),
  };
  const made = await org.manage("PUT", "/v1/tools/wide", {
    parameters,
    description: "é".repeat(4000),
  });
  assert.equal(made.status, 201, made.text);
  assert.deepEqual((await org.get("/v1/tools/wide")).body.parameters, parameters);
  const [entry] = await configEntries(org);
  const { changed } = entry?.data as { changed: Record<string, string> };
  assert.match(changed.parameters ?? "", /^sha256:[0-9a-f]{64}$/);
  assert.match(changed.description ?? "", /^sha256:[0-9a-f]{64}$/);
});

Deno.test("A schema that the store could not hold in one value is refused, not lost", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  // Few bytes as UTF-8, twice as many as the store writes a text with a character beyond Latin-1.
  const parameters = { title: "x".repeat(32_000) + "€" };
  const got = await org.manage("PUT", "/v1/tools/x", { parameters });
  assertProblem(got, 422, "invalid_request", "/parameters");
});
