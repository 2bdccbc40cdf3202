import { z } from "zod";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import { PERMISSIONS } from "./vocabulary.ts";

/** Records of what an organization decides by. Every one is parsed when it is read. */

export const permission = z.enum(PERMISSIONS);

export const jsonObject = z.custom<JsonObject>(isJsonObject, "expected a JSON object");

const timestamp = z.number().int().nonnegative();

export const killSwitch = z.object({
  active: z.boolean(),
  reason: z.string().nullable(),
});

export const orgRecord = z.object({
  id: z.string(),
  name: z.string(),
  /** First line of every checkpoint of this org, fixed when the org is made. */
  log_origin: z.string(),
  approval_timeout_seconds: z.number().int(),
  approval_use_seconds: z.number().int(),
  report_within_seconds: z.number().int(),
  discovery: z.enum(["all", "mcp", "off"]),
  retain_arguments: z.boolean(),
  separation_of_duties: z.boolean(),
  strict_levels: z.boolean(),
  /** The member who chose under a passkey that a missing second level is skipped; null for nobody. */
  strict_levels_by: z.string().nullable().default(null),
  api_decisions: z.boolean(),
  /** Whether external ids shaped like an e-mail address are accepted into the log. */
  allow_personal_ids: z.boolean(),
  kill_switch: killSwitch,
  /** How long a member who recovered their account may not rule others, unless an owner confirms. */
  recovery_hold_hours: z.number().int().nonnegative().default(24),
  created_at: timestamp,
  /** When it was deleted; from then on nobody is let in. Its record stays for the sake of its log. */
  deleted_at: timestamp.exactOptional(),
});

export type OrgRecord = z.infer<typeof orgRecord>;

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
  /** The only ones that it takes, compared without case; null: any, and none. */
  methods: z.array(z.string()).nullable().default(null),
  requires_second_approval: z.boolean(),
  approval_timeout_seconds: z.number().int().nullable(),
  approval_use_seconds: z.number().int().nullable(),
  kill_switch: killSwitch,
  status: z.enum(TOOL_STATUSES),
  /** True while a discovered draft waits for triage. */
  discovered: z.boolean(),
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
