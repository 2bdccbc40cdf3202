import type { Route } from "./http/route.ts";
import { activityRoutes } from "./v1/activity.ts";
import { agentRoutes } from "./v1/agents.ts";
import { apiKeyRoutes } from "./v1/api_keys.ts";
import { approvalRoutes } from "./v1/approvals.ts";
import { auditRoutes } from "./v1/audit.ts";
import { categoryRoutes } from "./v1/categories.ts";
import { executionRoutes } from "./v1/executions.ts";
import { healthRoutes } from "./v1/health.ts";
import { memberRoutes } from "./v1/members.ts";
import { orgRoutes } from "./v1/org.ts";
import { checkRoutes } from "./v1/permissions.ts";
import { policyRoutes } from "./v1/policy.ts";
import { proofRoutes } from "./v1/proofs.ts";
import { receiptRoutes } from "./v1/receipts.ts";
import { resourceRoutes } from "./v1/resources.ts";
import { ruleRoutes } from "./v1/rules.ts";
import { tenantRoutes } from "./v1/tenants.ts";
import { tokenRoutes } from "./v1/tokens.ts";
import { toolRoutes } from "./v1/tools.ts";
import { wellKnownRoutes } from "./well_known.ts";

/** Every route of the HTTP surface. */
export const ROUTES: readonly Route[] = [
  ...checkRoutes,
  ...approvalRoutes,
  ...apiKeyRoutes,
  ...agentRoutes,
  ...orgRoutes,
  ...toolRoutes,
  ...categoryRoutes,
  ...tenantRoutes,
  ...resourceRoutes,
  ...ruleRoutes,
  ...memberRoutes,
  ...policyRoutes,
  ...activityRoutes,
  ...auditRoutes,
  ...proofRoutes,
  ...receiptRoutes,
  ...tokenRoutes,
  ...executionRoutes,
  ...wellKnownRoutes,
  ...healthRoutes,
];
