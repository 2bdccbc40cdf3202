import { z } from "zod";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import { guardsRecord } from "./guards.ts";
import { CONFIRM_BY } from "./user.ts";
import { PERMISSIONS } from "./vocabulary.ts";

/** Records of what an organization decides by. Every one is parsed when it is read. */

export const permission = z.enum(PERMISSIONS);

export const jsonObject = z.custom<JsonObject>(isJsonObject, "expected a JSON object");

const timestamp = z.number().int().nonnegative();

export const killSwitch = z.object({
  active: z.boolean(),
  reason: z.string().nullable(),
});

/** How many drafts unknown tools make, where nobody set it otherwise. */
export const DISCOVERY_LIMITS = {
  discovery_max_per_hour: 50,
  discovery_max_per_caller_per_hour: 10,
  discovery_max_untriaged: 500,
} as const;

function limitOfDrafts(name: keyof typeof DISCOVERY_LIMITS) {
  return z.number().int().nonnegative().default(DISCOVERY_LIMITS[name]);
}

export const orgRecord = z.object({
  id: z.string(),
  name: z.string(),
  /** First line of every checkpoint of this org, fixed when the org is made. */
  log_origin: z.string(),
  approval_timeout_seconds: z.number().int(),
  approval_use_seconds: z.number().int(),
  report_within_seconds: z.number().int(),
  discovery: z.enum(["all", "mcp", "off"]),
  /** How many drafts questions about unknown tools may make, and how many may wait for triage. */
  discovery_max_per_hour: limitOfDrafts("discovery_max_per_hour"),
  discovery_max_per_caller_per_hour: limitOfDrafts("discovery_max_per_caller_per_hour"),
  discovery_max_untriaged: limitOfDrafts("discovery_max_untriaged"),
  retain_arguments: z.boolean(),
  separation_of_duties: z.boolean(),
  strict_levels: z.boolean(),
  /** The member who chose under a passkey that a missing second level is skipped; null for nobody. */
  strict_levels_by: z.string().nullable().default(null),
  api_decisions: z.boolean(),
  /** Who may say yes for the user of a mandate, where no scope of it is stricter. */
  confirm_by: z.enum(CONFIRM_BY).default("app"),
  /** Whether external ids shaped like an e-mail address are accepted into the log. */
  allow_personal_ids: z.boolean(),
  /** Whether clients of Allowly's API are answered. */
  allowly: z.boolean().default(true),
  /** Whether what their policies name and the catalog does not know becomes a tool. */
  register_from_policies: z.boolean().default(false),
  kill_switch: killSwitch,
  /** How long a member who recovered their account may not rule others, unless an owner confirms. */
  recovery_hold_hours: z.number().int().nonnegative().default(24),
  /** The shares of a budget that are told of when they are spent, percent, ascending. */
  budget_alert_percent: z.array(z.number().int().positive()).default(() => [80, 100]),
  /** Of its tools, where they have none of that kind of their own; absent where nobody named any. */
  guards: guardsRecord.exactOptional(),
  created_at: timestamp,
  /** When it was deleted; from then on nobody is let in. Its record stays for the sake of its log. */
  deleted_at: timestamp.exactOptional(),
});

export type OrgRecord = z.infer<typeof orgRecord>;

/** Which events the endpoints of an org hear: what nobody hears is not written. */
export const heardRecord = z.object({ org: z.string(), events: z.array(z.string()) });

export const annotations = z.object({
  read_only: z.boolean(),
  destructive: z.boolean(),
  idempotent: z.boolean(),
  open_world: z.boolean(),
});

export type Annotations = z.infer<typeof annotations>;

export const TOOL_STATUSES = ["draft", "approved", "disabled", "archived"] as const;

export const RISK_LEVELS = ["low", "medium", "high", "critical"] as const;

export const REQUIRED_FACTS = ["tenant", "resource", "method"] as const;

export type RequiredFact = (typeof REQUIRED_FACTS)[number];

/** Most characters of a place in the arguments. */
export const MAX_PLACE = 256;

const place = z.string().max(MAX_PLACE, `has at most ${MAX_PLACE} characters`)
  .regex(/^(?:\/(?:[^~/]|~[01])*)+$/, "must be a JSON pointer into the arguments, as /path")
  .exactOptional();

/** Where in the arguments of a call a fact of it stands: read there, and believed from nowhere else. */
export const toolFacts = z.strictObject({ tenant: place, resource: place, method: place });

export type ToolFacts = z.infer<typeof toolFacts>;

/** Which tool of which upstream runs when a tool of the catalog is called. */
export const toolUpstream = z.object({
  name: z.string(),
  /** Its name there. */
  tool: z.string(),
  /** Of its whole definition, and of where it runs: what is approved is this. */
  definition_digest: z.string(),
  /** The upstream's, when this was seen. */
  generation: z.number().int().nonnegative(),
  /** Of an operation of an HTTP API: the method by which it is asked, which is a fact of its calls. */
  method: z.string().exactOptional(),
  /** Its name among the tools of all upstreams, as agents are told it: no other tool has it. */
  exposed_name: z.string(),
  /** Since when it is defined as it is, milliseconds. */
  since: timestamp,
  /** Whether it was approved once, and has changed since. */
  drifted: z.boolean(),
  /** Whether it was never defined in another way, nor was the tool there before. */
  first: z.boolean().default(false),
});

export type ToolUpstream = z.infer<typeof toolUpstream>;

export const toolRecord = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string(),
  category: z.string().nullable(),
  tags: z.array(z.string()),
  risk_level: z.enum(RISK_LEVELS),
  /** JSON Schema 2020-12 of the arguments, or null when any arguments are accepted. */
  parameters: jsonObject.nullable(),
  default_permission: permission.nullable(),
  annotations,
  annotations_acknowledged: z.boolean(),
  required_tier: z.number().int().min(0).max(3),
  required_facts: z.array(z.enum(REQUIRED_FACTS)),
  /** Of a tool of an upstream; absent where nothing is read. */
  facts: toolFacts.exactOptional(),
  /** The only ones that it takes, compared without case; null: any, and none. */
  methods: z.array(z.string()).nullable().default(null),
  requires_second_approval: z.boolean(),
  /** Whether nothing but a mandate opens it. */
  requires_mandate: z.boolean().default(false),
  approval_timeout_seconds: z.number().int().nullable(),
  approval_use_seconds: z.number().int().nullable(),
  kill_switch: killSwitch,
  status: z.enum(TOOL_STATUSES),
  /** True while a discovered draft waits for triage. */
  discovered: z.boolean(),
  /** Whether it is out of use since it was a draft, and nobody named its default meanwhile. */
  undecided: z.literal(true).exactOptional(),
  /** Absent where whoever asks runs it. */
  upstream: toolUpstream.exactOptional(),
  /** What looks at its calls, in place of the org's guards of the same kind. */
  guards: guardsRecord.exactOptional(),
  created_at: timestamp,
  updated_at: timestamp,
});

export type ToolRecord = z.infer<typeof toolRecord>;

export const categoryRecord = z.object({
  name: z.string(),
  default_permission: permission.nullable(),
});

export type CategoryRecord = z.infer<typeof categoryRecord>;

export const tenantRecord = z.object({
  id: z.string(),
  name: z.string().nullable(),
  metadata: jsonObject,
  created_at: timestamp,
});

export type TenantRecord = z.infer<typeof tenantRecord>;

export const resourceRecord = z.object({
  id: z.string(),
  name: z.string().nullable(),
  type: z.string().nullable(),
  metadata: jsonObject,
  created_at: timestamp,
});

export type ResourceRecord = z.infer<typeof resourceRecord>;

/** Which actions a rule speaks of; one of the eight levels, with or without a tenant. */
export const selector = z.object({
  tenant_id: z.string().nullable(),
  resource_id: z.string().nullable(),
  tool_name: z.string().nullable(),
  method: z.string().nullable(),
  tag: z.string().nullable(),
});

export type Selector = z.infer<typeof selector>;

export const ruleRecord = z.object({
  id: z.string(),
  selector,
  permission,
  note: z.string().nullable(),
  created_at: timestamp,
  updated_at: timestamp,
});

export type RuleRecord = z.infer<typeof ruleRecord>;

/** When drafts were made in the past hour, milliseconds. */
export const discoveryTimes = z.object({ times: z.array(z.number()) });
