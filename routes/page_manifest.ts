import type { Endpoint } from "./endpoint.ts";
import type { Page } from "./page.ts";
import { approvalEndpoints, approvalPage } from "./pages/approval.tsx";
import { approvalsEndpoints, approvalsPage } from "./pages/approvals.tsx";
import { categoriesPage } from "./pages/categories.tsx";
import { explainPage } from "./pages/explain.tsx";
import { invitationPage } from "./pages/invitation.tsx";
import { organizationsPage, switchOrgPage } from "./pages/organizations.tsx";
import { resourcePage } from "./pages/resource.tsx";
import { resourcesPage } from "./pages/resources.tsx";
import { rulePage } from "./pages/rule.tsx";
import { rulesPage } from "./pages/rules.tsx";
import { sessionEndpoints } from "./pages/session_endpoints.ts";
import { setUpPage } from "./pages/set_up.tsx";
import { signInPage } from "./pages/sign_in.tsx";
import { signOutPage } from "./pages/sign_out.tsx";
import { tenantPage } from "./pages/tenant.tsx";
import { tenantsPage } from "./pages/tenants.tsx";
import { toolPage } from "./pages/tool.tsx";
import { discoveredPage } from "./pages/tool_discovered.tsx";
import { newToolPage } from "./pages/tool_new.tsx";
import { toolsPage } from "./pages/tools.tsx";

/** Every page of the dashboard, where the compiler sees it. */
export const PAGES: readonly Page[] = [
  signInPage,
  signOutPage,
  setUpPage,
  invitationPage,
  organizationsPage,
  switchOrgPage,
  approvalsPage,
  approvalPage,
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
];

/** Everything that the pages' own scripts ask for. */
export const ENDPOINTS: readonly Endpoint[] = [
  ...sessionEndpoints,
  ...approvalsEndpoints,
  ...approvalEndpoints,
];
