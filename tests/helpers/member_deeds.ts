import { applyAtOnce, readPolicy } from "../../lib/catalog/apply_policy.ts";
import { putCategory, removeCategory } from "../../lib/catalog/categories.ts";
import { changeOrg, type OrgChange, stopOrg } from "../../lib/catalog/org_settings.ts";
import {
  changeResource,
  putResource,
  readResource,
  removeResource,
} from "../../lib/catalog/resources.ts";
import { putRule, removeRule } from "../../lib/catalog/rules.ts";
import { changeTenant, putTenant, readTenant } from "../../lib/catalog/tenants.ts";
import { changeTool, putTool, removeTool, stopTool } from "../../lib/catalog/tools.ts";
import { revokeMandate } from "../../lib/granting/revoke.ts";
import type { MemberOperation } from "../../lib/identity/acting.ts";
import { archiveBundle, publishBundle } from "../../lib/mandates/bundle.ts";
import type { Right } from "../../lib/policy/rights.ts";
import * as keys from "../../lib/store/keys.ts";
import type { Permission } from "../../lib/store/records/vocabulary.ts";
import type { SignedIn, TestOrg } from "./countersign.ts";
import { granted, published } from "./mandates.ts";
import { aRule, aSelector } from "./policy_records.ts";

/** One thing that a member does, and what the rights table and product ask for it. */
export interface Deed {
  readonly name: string;
  readonly right: Right;
  readonly fresh?: true;
  /** Whether somebody on hold does it too: it stops something, or looks at nothing private. */
  readonly onHold?: true;
  /** False for a pure reading, whose right the surface alone asks for. */
  readonly asksItself?: false;
  /** Makes what it is done to; `n` makes its name its own. */
  readonly on: (org: TestOrg, n: number) => Run | Promise<Run>;
}

/** The request that every deed says it came by. */
export const R = "req_test";
/** Kill switches as they are written. */
export const OFF = { active: false, reason: null };
export const ON = { active: true, reason: "stop" };

/** Runs an operation for a member, as a surface does that asks for `right`. */
export type Run = (org: TestOrg, session: SignedIn, right: Right) => Promise<unknown>;

/** The run of one operation. */
export function op<L, R>(operation: MemberOperation<L, R>): Run {
  return (org, session, right) => org.as(session, right, operation);
}

/** A rule on a tool. */
export async function rule(
  org: TestOrg,
  tool_name: string,
  permission: Permission,
  tenant_id: string | null = null,
): Promise<string> {
  return await org.transact((transaction) => {
    const id = transaction.id("rul");
    const record = aRule(id, { tool_name, tenant_id }, permission);
    transaction.setPolicy(keys.ruleKey(org.id, record.selector), record);
    return id;
  });
}

const tool = (name: string, fields = {}) => async (org: TestOrg) => {
  await org.tool(name, fields);
  return name;
};

const BUNDLE = {
  definition: {
    agent: "shop-assistant",
    default_expiry_seconds: null,
    scopes: [{ name: "refund", decision: "allow" as const, resources: null, conditions: [] }],
  },
  description: null,
};

function ruleFields(tool_name: string, permission: Permission, tenant_id: string | null = null) {
  return { selector: aSelector({ tool_name, tenant_id }), permission, note: null };
}

async function policy(org: TestOrg, permission: Permission, dry_run: boolean, n: number) {
  const { version, rules } = await org.transact(({ snapshot }) => ({
    version: snapshot.version,
    rules: [...snapshot.rules].map(({ selector, permission, note }) => ({
      selector,
      permission,
      note,
    })),
  }));
  const document = { rules: [...rules, ruleFields(`doc${n}`, permission)] };
  return op(applyAtOnce({ of: "whole", document }, version, { dry_run, request_id: R }));
}

async function orgWith(org: TestOrg, before: OrgChange, change: OrgChange) {
  await org.transact((transaction) => {
    const next = { ...transaction.snapshot.org, ...before };
    transaction.setPolicy(keys.orgKey(org.id), next);
  });
  return op(changeOrg(change, R));
}

/** A registered tenant. */
export async function tenant(org: TestOrg, id: string): Promise<void> {
  await org.transact((transaction) => {
    const record = { id, name: null, metadata: {}, created_at: 0 };
    transaction.setPolicy(keys.tenantKey(org.id, id), record);
  });
}

async function resource(org: TestOrg, id: string): Promise<void> {
  await org.transact((transaction) => {
    const record = { id, name: null, type: null, metadata: {}, created_at: 0 };
    transaction.setPolicy(keys.resourceKey(org.id, id), record);
  });
}

/** Every way in which a member changes the catalog, rules and settings, or reads them. */
export const CATALOG_DEEDS: readonly Deed[] = [
  {
    name: "registers a tool that is out of use",
    right: "configure",
    on: (_, n) => op(putTool(`t${n}`, { status: "disabled" }, R)),
  },
  {
    name: "registers an approved tool",
    right: "configure",
    fresh: true,
    on: (_, n) => op(putTool(`t${n}`, { annotations_acknowledged: true }, R)),
  },
  {
    name: "raises a tool's tier",
    right: "configure",
    on: async (org, n) => op(changeTool(await tool(`t${n}`)(org), { required_tier: 1 }, R)),
  },
  {
    name: "describes a tool otherwise",
    right: "configure",
    fresh: true,
    on: async (org, n) => op(changeTool(await tool(`t${n}`)(org), { description: "d" }, R)),
  },
  {
    name: "approves a draft",
    right: "configure",
    fresh: true,
    on: async (org, n) => {
      const name = await tool(`t${n}`, { status: "draft", default_permission: "disabled" })(org);
      return op(changeTool(name, { status: "approved", default_permission: "disabled" }, R));
    },
  },
  {
    name: "releases a tool's kill switch",
    right: "kill_switch_off",
    fresh: true,
    on: async (org, n) =>
      op(changeTool(await tool(`t${n}`, { kill_switch: ON })(org), { kill_switch: OFF }, R)),
  },
  {
    name: "stops a tool",
    right: "kill_switch_on",
    onHold: true,
    on: async (org, n) => op(stopTool(await tool(`t${n}`)(org), "stop", R)),
  },
  {
    name: "archives a tool",
    right: "configure",
    on: async (org, n) => op(removeTool(await tool(`t${n}`)(org), R)),
  },
  {
    name: "makes a disabling rule",
    right: "configure",
    on: (_, n) => op(putRule(ruleFields(`r${n}`, "disabled"), R)),
  },
  {
    name: "makes an allowing rule",
    right: "configure",
    fresh: true,
    on: (_, n) => op(putRule(ruleFields(`r${n}`, "allowed"), R)),
  },
  {
    name: "removes an allowing rule",
    right: "configure",
    on: async (org, n) => op(removeRule(await rule(org, `r${n}`, "allowed"), R)),
  },
  {
    name: "removes a disabling rule",
    right: "configure",
    fresh: true,
    on: async (org, n) => op(removeRule(await rule(org, `r${n}`, "disabled"), R)),
  },
  {
    name: "makes a disabling category",
    right: "configure",
    on: (_, n) => op(putCategory({ name: `c${n}`, default_permission: "disabled" }, R)),
  },
  {
    name: "removes a disabling category",
    right: "configure",
    fresh: true,
    on: async (org, n) => {
      const record = { name: `c${n}`, default_permission: "disabled" };
      await org.transact((transaction) =>
        transaction.setPolicy(keys.categoryKey(org.id, record.name), record)
      );
      return op(removeCategory(record.name, R));
    },
  },
  {
    name: "registers a tenant in an org without tenant rules",
    right: "configure",
    on: (_, n) => op(putTenant(`a${n}`, { name: null, metadata: {} }, R)),
  },
  {
    name: "registers a tenant in an org with tenant rules",
    right: "configure",
    fresh: true,
    on: async (org, n) => {
      await rule(org, `r${n}`, "disabled", "else");
      return op(putTenant(`a${n}`, { name: null, metadata: {} }, R));
    },
  },
  {
    name: "names a tenant",
    right: "configure",
    on: async (org, n) => {
      await tenant(org, `a${n}`);
      return op(changeTenant(`a${n}`, { name: "A" }, R));
    },
  },
  {
    name: "registers a resource",
    right: "configure",
    on: (_, n) => {
      const fields = { name: null, type: null, metadata: {} };
      return op(putResource(`s${n}`, fields, R));
    },
  },
  {
    name: "names a resource",
    right: "configure",
    on: async (org, n) => {
      await resource(org, `s${n}`);
      return op(changeResource(`s${n}`, { name: "S" }, R));
    },
  },
  {
    name: "removes a resource",
    right: "configure",
    on: async (org, n) => {
      await resource(org, `s${n}`);
      return op(removeResource(`s${n}`, R));
    },
  },
  {
    name: "publishes an edition of a bundle",
    right: "configure",
    fresh: true,
    on: (_, n) => op(publishBundle(`b${n}`, BUNDLE, null, R)),
  },
  {
    name: "archives a bundle",
    right: "configure",
    on: async (org, n) => {
      await published(org, `b${n}`);
      return op(archiveBundle(`b${n}`, R));
    },
  },
  {
    name: "revokes a mandate",
    right: "kill_switch_on",
    on: async (org, n) => {
      await published(org, `b${n}`);
      const id = await granted(org, { bundle: { id: `b${n}` } });
      return op(revokeMandate(id, { by: "member", note: null }, R));
    },
  },
  {
    name: "tries a policy document",
    right: "configure",
    on: (org, n) => policy(org, "allowed", true, n),
  },
  {
    name: "applies a stricter policy document",
    right: "configure",
    on: (org, n) => policy(org, "disabled", false, n),
  },
  {
    name: "applies a wider policy document",
    right: "configure",
    fresh: true,
    on: (org, n) => policy(org, "allowed", false, n),
  },
  {
    name: "renames the org",
    right: "configure",
    on: (org, n) => orgWith(org, {}, { name: `o${n}` }),
  },
  {
    name: "tightens a setting",
    right: "configure",
    on: (org) => orgWith(org, { api_decisions: true }, { api_decisions: false }),
  },
  {
    name: "widens a setting",
    right: "widen_settings",
    fresh: true,
    on: (org) => orgWith(org, { api_decisions: false }, { api_decisions: true }),
  },
  {
    name: "allows personal ids",
    right: "widen_settings",
    fresh: true,
    on: (org) => orgWith(org, { allow_personal_ids: false }, { allow_personal_ids: true }),
  },
  {
    name: "stops the org",
    right: "kill_switch_on",
    onHold: true,
    on: async (org) => {
      await orgWith(org, { kill_switch: OFF }, {});
      return op(stopOrg("stop", R));
    },
  },
  {
    name: "releases the org's kill switch",
    right: "kill_switch_off",
    fresh: true,
    on: (org) => orgWith(org, { kill_switch: ON }, { kill_switch: OFF }),
  },
  {
    name: "reads the policy",
    right: "read",
    asksItself: false,
    onHold: true,
    on: () => op(readPolicy()),
  },
  {
    name: "reads a tenant",
    right: "read",
    asksItself: false,
    onHold: true,
    on: async (org, n) => {
      await tenant(org, `a${n}`);
      return op(readTenant(`a${n}`));
    },
  },
  {
    name: "reads a resource",
    right: "read",
    asksItself: false,
    onHold: true,
    on: async (org, n) => {
      await resource(org, `s${n}`);
      return op(readResource(`s${n}`));
    },
  },
];
