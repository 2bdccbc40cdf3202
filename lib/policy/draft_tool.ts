import type { ToolRecord } from "../store/records/policy.ts";

/**
 * The record of a tool that was asked about before anyone described it: assumed to be as dangerous
 * as a tool can be until a person says otherwise. `at` in milliseconds since the epoch.
 */
export function draftToolRecord(name: string, id: string, at: number): ToolRecord {
  return {
    id,
    name,
    description: "",
    category: null,
    tags: [],
    risk_level: "high",
    parameters: null,
    default_permission: "requires_approval",
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
    discovered: true,
    created_at: at,
    updated_at: at,
  };
}
