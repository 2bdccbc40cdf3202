import type { Endpoint } from "./dashboard/endpoint.ts";
import type { Page } from "./dashboard/page.ts";
import type { Route } from "./http/route.ts";
import { authorizeEndpoints } from "./oauth/authorize.tsx";
import { deleteAccountPage } from "./pages/account/delete_account.tsx";
import { invitationPage } from "./pages/account/invitation.tsx";
import { newPasskeyPage } from "./pages/account/new_passkey.tsx";
import { passkeyPage } from "./pages/account/passkey.tsx";
import { recoverByLinkPage, recoverPage } from "./pages/account/recover.tsx";
import { securityPage } from "./pages/account/security.tsx";
import { setUpPage } from "./pages/account/set_up.tsx";
import {
  organizationsPage,
  sessionEndpoints,
  signInPage,
  signOutPage,
  switchOrgPage,
} from "./pages/account/sign_in.tsx";
import { entryEndpoints, entryPage } from "./pages/activity/entry.tsx";
import { evidenceEndpoints, evidencePage } from "./pages/activity/evidence.tsx";
import { activityEndpoints, activityPage } from "./pages/activity/list.tsx";
import { verifyPage } from "./pages/activity/verify.tsx";
import { approvalsEndpoints, approvalsPage } from "./pages/approvals/inbox.tsx";
import { approvalEndpoints, approvalPage } from "./pages/approvals/request.tsx";
import { agentPage } from "./pages/machines/agent.tsx";
import { agentsPage } from "./pages/machines/agents.tsx";
import { apiBuilderEndpoints, apiBuilderPage } from "./pages/machines/api_builder.tsx";
import { apiKeyPage } from "./pages/machines/api_key.tsx";
import { apiKeysPage } from "./pages/machines/api_keys.tsx";
import { connectionsPage } from "./pages/machines/connections.tsx";
import { overviewPage } from "./pages/overview/overview.tsx";
import { quickstartEndpoints, quickstartPage } from "./pages/quickstart/quickstart.tsx";
import { quickstartSkillEndpoints, quickstartSkillPage } from "./pages/quickstart/skill.tsx";
import { resourcePage } from "./pages/registry/resource.tsx";
import { resourcesPage } from "./pages/registry/resources.tsx";
import { tenantPage } from "./pages/registry/tenant.tsx";
import { tenantsPage } from "./pages/registry/tenants.tsx";
import { explainPage } from "./pages/rules/explain.tsx";
import { rulePage } from "./pages/rules/rule.tsx";
import { rulesPage } from "./pages/rules/rules.tsx";
import { notificationsEndpoints, notificationsPage } from "./pages/settings/notifications.tsx";
import { settingsPage } from "./pages/settings/settings.tsx";
import { memberRecordPage } from "./pages/team/member.tsx";
import { teamPage } from "./pages/team/team.tsx";
import { categoriesPage } from "./pages/tools/categories.tsx";
import { toolsPage } from "./pages/tools/list.tsx";
import { newToolPage } from "./pages/tools/new.tsx";
import { toolPage } from "./pages/tools/tool.tsx";
import { discoveredPage } from "./pages/tools/triage.tsx";
import { activityRoutes } from "./v1/activity.ts";
import { agentRoutes } from "./v1/agents.ts";
import { apiKeyRoutes } from "./v1/api_keys.ts";
import { approvalRoutes } from "./v1/approvals.ts";
import { auditRoutes } from "./v1/audit.ts";
import { categoryRoutes } from "./v1/categories.ts";
import { executionRoutes } from "./v1/executions.ts";
import { healthRoutes, wellKnownRoutes } from "./v1/health.ts";
import { memberRoutes } from "./v1/members.ts";
import { orgRoutes } from "./v1/org.ts";
import { checkRoutes } from "./v1/permissions.ts";
import { policyRoutes } from "./v1/policy.ts";
import { proofRoutes, receiptRoutes } from "./v1/proofs.ts";
import { resourceRoutes } from "./v1/resources.ts";
import { ruleRoutes } from "./v1/rules.ts";
import { tenantRoutes } from "./v1/tenants.ts";
import { tokenRoutes } from "./v1/tokens.ts";
import { toolRoutes } from "./v1/tools.ts";

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

/** Every page of the dashboard, where the compiler sees it. */
export const PAGES: readonly Page[] = [
  signInPage,
  signOutPage,
  setUpPage,
  invitationPage,
  recoverPage,
  recoverByLinkPage,
  organizationsPage,
  switchOrgPage,
  overviewPage,
  approvalsPage,
  approvalPage,
  activityPage,
  // Before the page of an entry, whose address takes whatever stands there.
  evidencePage,
  entryPage,
  toolsPage,
  // Before the page of a tool, whose address takes whatever stands there.
  newToolPage,
  discoveredPage,
  categoriesPage,
  toolPage,
  rulesPage,
  explainPage,
  rulePage,
  tenantsPage,
  tenantPage,
  resourcesPage,
  resourcePage,
  agentsPage,
  agentPage,
  apiKeysPage,
  apiKeyPage,
  teamPage,
  memberRecordPage,
  notificationsPage,
  securityPage,
  newPasskeyPage,
  deleteAccountPage,
  passkeyPage,
  settingsPage,
  quickstartPage,
  quickstartSkillPage,
  apiBuilderPage,
  verifyPage,
  connectionsPage,
];

/** Everything that the pages' own scripts ask for. */
export const ENDPOINTS: readonly Endpoint[] = [
  ...sessionEndpoints,
  ...approvalsEndpoints,
  ...approvalEndpoints,
  ...quickstartEndpoints,
  ...quickstartSkillEndpoints,
  ...apiBuilderEndpoints,
  ...activityEndpoints,
  ...entryEndpoints,
  ...notificationsEndpoints,
  ...evidenceEndpoints,
  ...authorizeEndpoints,
];
