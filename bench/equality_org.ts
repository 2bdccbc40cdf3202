import { makeSecret } from "../lib/identity/credentials.ts";
import { systemRandom } from "../lib/store/system.ts";

/** The organization that two versions of the service make of the same requests. */

/** The secrets that the operator chooses, the same for both services. */
export const CHOSEN = {
  management: makeSecret("management", systemRandom),
  approver: makeSecret("approver", systemRandom),
};

/** The owner whom the operator named: while they have no passkey, the approver key speaks for them. */
export const OWNER = "owner@example.com";

/** The variables that an empty store is made by. */
export const BOOTSTRAP = {
  COUNTERSIGN_BOOTSTRAP_KEY: CHOSEN.management,
  COUNTERSIGN_BOOTSTRAP_APPROVER_KEY: CHOSEN.approver,
  COUNTERSIGN_BOOTSTRAP_OWNER: OWNER,
};

export const TENANTS = ["acme", "globex", "initech", "größe"];
export const RESOURCES = ["server-1", "db/main", "ledger", "北京"];
export const METHODS = ["READ", "WRITE", "delete", "DELETE", "RESTART"];
const MEMBERS = ["dana@example.com", "kim@example.com"];
export const TAGS = ["production", "money"];

export const TOOLS: readonly Readonly<Record<string, unknown>>[] = [
  { name: "server.restart", category: "infra", tags: ["production"] },
  { name: "server.read", category: "reads", tags: ["production"] },
  {
    name: "mail.send",
    default_permission: "allowed",
    parameters: {
      type: "object",
      properties: {
        to: { type: "string", minLength: 1 },
        count: { type: "integer", minimum: 0, maximum: 10 },
        note: { type: ["string", "null"], pattern: "^[a-z ]*$" },
      },
      required: ["to"],
      additionalProperties: false,
    },
  },
  { name: "refund", default_permission: "requires_approval", required_facts: ["resource"] },
  { name: "db/query", default_permission: "allowed", methods: ["READ", "Write"] },
  { name: "vault.open", default_permission: "allowed", required_tier: 2 },
  { name: "wipe", category: "danger" },
  { name: "pay", default_permission: "requires_approval", requires_second_approval: true },
  { name: "draft.tool", default_permission: "allowed", annotations_acknowledged: false },
  { name: "killed", default_permission: "allowed", kill_switch: { active: true, reason: "stop" } },
];

const RULES = [
  { selector: { tenant_id: "acme", tool_name: "server.restart" }, permission: "allowed" },
  { selector: { tenant_id: "acme", tool_name: "mail.send" }, permission: "requires_approval" },
  { selector: { tool_name: "refund", method: "read" }, permission: "allowed" },
  { selector: { tenant_id: "globex", tag: "production" }, permission: "disabled" },
  { selector: { resource_id: "ledger" }, permission: "requires_approval", note: "look twice" },
  { selector: { tenant_id: "acme", resource_id: "ledger", method: "READ" }, permission: "allowed" },
  { selector: { tool_name: "db/query", method: "WRITE" }, permission: "disabled" },
];

/** A request with the management key. */
interface Change {
  readonly method: "PUT" | "POST";
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What makes the organization of an empty one. */
export function setUp(): Change[] {
  const put = (path: string, body: Change["body"]): Change => ({ method: "PUT", path, body });
  const unlimited = { rate_limit_per_minute: null };
  const walled = { tenant_ids: ["acme", "größe"] };
  const keys = {
    standard: unlimited,
    trusted: { ...unlimited, trust_tier: 3 },
    walled: { ...unlimited, ...walled },
    limited: { rate_limit_per_minute: 5 },
  };
  return [
    put("/v1/categories/infra", { default_permission: "requires_approval" }),
    put("/v1/categories/reads", { default_permission: "allowed" }),
    put("/v1/categories/danger", { default_permission: "disabled" }),
    ...TOOLS.map(({ name, ...fields }) => {
      const isDraft = fields.annotations_acknowledged === false;
      const stands = isDraft ? {} : { annotations_acknowledged: true, status: "approved" };
      return put(`/v1/tools/${name}`, { ...fields, ...stands });
    }),
    ...TENANTS.map((id) => put(`/v1/tenants/${encodeURIComponent(id)}`, {})),
    put("/v1/resources/ledger", { name: "The ledger", type: "account" }),
    ...RULES.map((rule) => put("/v1/rules", rule)),
    ...MEMBERS.map((email) => put(`/v1/members/${email}`, { role: "approver", groups: [1, 2] })),
    ...Object.entries(keys).map(([name, fields]): Change => {
      const body = { name, tier: "standard", ...fields };
      return { method: "POST", path: "/v1/api-keys", body };
    }),
    ...Object.entries({ agent: {}, walled_agent: walled }).map(([name, fields]): Change => {
      const body = { name, ...unlimited, ...fields };
      return { method: "POST", path: "/v1/agents", body };
    }),
  ];
}
