import type { Endpoint } from "./endpoint.ts";
import { authorizeEndpoints } from "./oauth/authorize.tsx";
import type { Page } from "./page.ts";
import { activityEndpoints, activityPage } from "./pages/activity.tsx";
import { entryEndpoints, entryPage } from "./pages/activity_entry.tsx";
import { agentPage } from "./pages/agent.tsx";
import { agentsPage } from "./pages/agents.tsx";
import { apiKeyPage } from "./pages/api_key.tsx";
import { apiKeysPage } from "./pages/api_keys.tsx";
import { apiBuilderEndpoints, apiBuilderPage } from "./pages/api_builder.tsx";
import { approvalEndpoints, approvalPage } from "./pages/approval.tsx";
import { approvalsEndpoints, approvalsPage } from "./pages/approvals.tsx";
import { categoriesPage } from "./pages/categories.tsx";
import { evidencePage } from "./pages/evidence.tsx";
import { evidenceEndpoints } from "./pages/evidence_endpoints.ts";
import { explainPage } from "./pages/explain.tsx";
import { connectionsPage } from "./pages/connections.tsx";
import { invitationPage } from "./pages/invitation.tsx";
import { memberRecordPage } from "./pages/member.tsx";
import { notificationsEndpoints, notificationsPage } from "./pages/notifications.tsx";
import { organizationsPage, switchOrgPage } from "./pages/organizations.tsx";
import { quickstartEndpoints, quickstartPage } from "./pages/quickstart.tsx";
import { quickstartSkillEndpoints, quickstartSkillPage } from "./pages/quickstart_skill.tsx";
import { overviewPage } from "./pages/overview.tsx";
import { recoverByLinkPage, recoverPage } from "./pages/recover.tsx";
import { resourcePage } from "./pages/resource.tsx";
import { resourcesPage } from "./pages/resources.tsx";
import { rulePage } from "./pages/rule.tsx";
import { rulesPage } from "./pages/rules.tsx";
import { securityPage } from "./pages/security.tsx";
import { deleteAccountPage } from "./pages/security_delete_account.tsx";
import { newPasskeyPage } from "./pages/security_new_passkey.tsx";
import { passkeyPage } from "./pages/security_passkey.tsx";
import { sessionEndpoints } from "./pages/session_endpoints.ts";
import { setUpPage } from "./pages/set_up.tsx";
import { settingsPage } from "./pages/settings.tsx";
import { signInPage } from "./pages/sign_in.tsx";
import { signOutPage } from "./pages/sign_out.tsx";
import { teamPage } from "./pages/team.tsx";
import { tenantPage } from "./pages/tenant.tsx";
import { tenantsPage } from "./pages/tenants.tsx";
import { toolPage } from "./pages/tool.tsx";
import { discoveredPage } from "./pages/tool_discovered.tsx";
import { newToolPage } from "./pages/tool_new.tsx";
import { toolsPage } from "./pages/tools.tsx";
import { verifyPage } from "./pages/verify.tsx";

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
