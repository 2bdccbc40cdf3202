import { authorizationRoutes } from "./allowly/authorizations.ts";
import { checkRoutesOfAllowly } from "./allowly/check.ts";
import { policyRoutesOfAllowly } from "./allowly/policies.ts";
import { promptRoutes } from "./allowly/prompts.ts";
import { receiptRoutesOfAllowly } from "./allowly/receipts.ts";
import { resolutionWebhookRoutes } from "./allowly/resolution_webhook.ts";
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
import { receiptEndpoints, receiptPage } from "./pages/activity/receipt.tsx";
import { verifyPage } from "./pages/activity/verify.tsx";
import { callEndpoints, callPage } from "./pages/calls/call.tsx";
import { callsPage } from "./pages/calls/list.tsx";
import { approvalsEndpoints, approvalsPage } from "./pages/approvals/inbox.tsx";
import { denyPage } from "./pages/approvals/deny.tsx";
import { approvalEndpoints, approvalPage } from "./pages/approvals/request.tsx";
import { agentPage } from "./pages/machines/agent.tsx";
import { agentsPage } from "./pages/machines/agents.tsx";
import { apiBuilderEndpoints, apiBuilderPage } from "./pages/machines/api_builder.tsx";
import { apiKeyPage } from "./pages/machines/api_key.tsx";
import { apiKeysPage } from "./pages/machines/api_keys.tsx";
import { connectionsPage } from "./pages/machines/connections.tsx";
import { deviceEndpoints, devicePage } from "./pages/machines/device.tsx";
import { subTokensPage } from "./pages/machines/sub_tokens.tsx";
import { budgetsPage } from "./pages/mandates/budgets.tsx";
import { tombstonesPage } from "./pages/mandates/tombstones.tsx";
import { bundlePage } from "./pages/mandates/bundle.tsx";
import { bundlesPage } from "./pages/mandates/bundles.tsx";
import { mandatePage } from "./pages/mandates/mandate.tsx";
import { mandatesPage } from "./pages/mandates/mandates.tsx";
import { usersPage } from "./pages/mandates/users.tsx";
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
import { cardsPage } from "./pages/notifications/cards.tsx";
import { channelPage } from "./pages/notifications/channel.tsx";
import { channelsPage } from "./pages/notifications/channels.tsx";
import { channelDeliveryPage, webhookDeliveryPage } from "./pages/notifications/delivery.tsx";
import { newChannelPage } from "./pages/notifications/new_channel.tsx";
import { notificationsEndpoints, notificationsPage } from "./pages/notifications/notifications.tsx";
import { webhookPage } from "./pages/notifications/webhook.tsx";
import { webhooksPage } from "./pages/notifications/webhooks.tsx";
import { settingsPage } from "./pages/settings/settings.tsx";
import { slackCallbackPage, slackConnectPage } from "./pages/notifications/slack_channel.ts";
import { memberRecordPage } from "./pages/team/member.tsx";
import { teamPage } from "./pages/team/team.tsx";
import { categoriesPage } from "./pages/tools/categories.tsx";
import { guardsPage } from "./pages/tools/guards.tsx";
import { toolsPage } from "./pages/tools/list.tsx";
import { newToolPage } from "./pages/tools/new.tsx";
import { toolPage } from "./pages/tools/tool.tsx";
import { discoveredPage } from "./pages/tools/triage.tsx";
import { connectPage } from "./pages/upstreams/connect.tsx";
import { documentPage, newApiPage } from "./pages/upstreams/document.tsx";
import { editUpstreamPage } from "./pages/upstreams/edit.tsx";
import { upstreamsPage } from "./pages/upstreams/list.tsx";
import { credentialPage } from "./pages/upstreams/credential.tsx";
import {
  connectCredentialPage,
  credentialsPage,
  ownCredentialsPage,
  providerCallbackPage,
} from "./pages/upstreams/credentials.tsx";
import { newCredentialPage, newOwnCredentialPage } from "./pages/upstreams/new_credential.tsx";
import { upstreamToolPage } from "./pages/upstreams/tool.tsx";
import { upstreamPage } from "./pages/upstreams/upstream.tsx";
import { confirmPage } from "./pages/users/confirm.tsx";
import { userEnrolmentPage } from "./pages/users/enrol.tsx";
import { activityRoutes } from "./v1/activity.ts";
import { agentRoutes } from "./v1/agents.ts";
import { apiKeyRoutes } from "./v1/api_keys.ts";
import { approvalRoutes } from "./v1/approvals.ts";
import { auditRoutes } from "./v1/audit.ts";
import { budgetRoutes } from "./v1/budgets.ts";
import { bundleRoutes } from "./v1/bundles.ts";
import { callRoutes } from "./v1/calls.ts";
import { categoryRoutes } from "./v1/categories.ts";
import { channelRoutes } from "./v1/channels.ts";
import { confirmationRoutes } from "./v1/confirmations.ts";
import { credentialRoutes } from "./v1/credentials.ts";
import { executionRoutes } from "./v1/executions.ts";
import { guardRoutes } from "./v1/guards.ts";
import { healthRoutes, wellKnownRoutes } from "./v1/health.ts";
import { mandateRoutes } from "./v1/mandates.ts";
import { memberRoutes } from "./v1/members.ts";
import { orgRoutes } from "./v1/org.ts";
import { checkRoutes } from "./v1/permissions.ts";
import { policyRoutes } from "./v1/policy.ts";
import { proofRoutes } from "./v1/proofs.ts";
import { receiptRoutes } from "./v1/receipts.ts";
import { resourceRoutes } from "./v1/resources.ts";
import { ruleRoutes } from "./v1/rules.ts";
import { subTokenRoutes } from "./v1/sub_tokens.ts";
import { tenantRoutes } from "./v1/tenants.ts";
import { tombstoneRoutes } from "./v1/tombstones.ts";
import { tokenRoutes } from "./v1/tokens.ts";
import { toolRoutes } from "./v1/tools.ts";
import { upstreamRoutes } from "./v1/upstreams.ts";
import { userPasskeyRoutes } from "./v1/user_passkeys.ts";
import { webhookRoutes } from "./v1/webhooks.ts";

/** Every route of the HTTP surface. */
export const ROUTES: readonly Route[] = [
  ...checkRoutes,
  ...approvalRoutes,
  ...apiKeyRoutes,
  ...agentRoutes,
  ...subTokenRoutes,
  ...channelRoutes,
  ...orgRoutes,
  ...toolRoutes,
  ...guardRoutes,
  ...upstreamRoutes,
  ...credentialRoutes,
  ...budgetRoutes,
  ...bundleRoutes,
  ...mandateRoutes,
  ...tombstoneRoutes,
  ...confirmationRoutes,
  ...userPasskeyRoutes,
  ...callRoutes,
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
  ...webhookRoutes,
  ...wellKnownRoutes,
  ...healthRoutes,
];

/**
 * Every route of the surface for clients of Allowly. They stand apart from the API, and are in no
 * document of it: what they take and answer is those clients' contract, and a program that is made from
 * our document is to find one way to do each thing.
 */
export const ALLOWLY_ROUTES: readonly Route[] = [
  ...policyRoutesOfAllowly,
  ...authorizationRoutes,
  ...checkRoutesOfAllowly,
  ...promptRoutes,
  ...receiptRoutesOfAllowly,
  ...resolutionWebhookRoutes,
];

/** Every page of the dashboard, where the compiler sees it. */
export const PAGES: readonly Page[] = [
  signInPage,
  signOutPage,
  setUpPage,
  invitationPage,
  confirmPage,
  userEnrolmentPage,
  recoverPage,
  recoverByLinkPage,
  organizationsPage,
  switchOrgPage,
  overviewPage,
  approvalsPage,
  approvalPage,
  denyPage,
  activityPage,
  // Before the page of an entry, whose address takes whatever stands there.
  evidencePage,
  entryPage,
  receiptPage,
  toolsPage,
  // Before the page of a tool, whose address takes whatever stands there.
  newToolPage,
  discoveredPage,
  categoriesPage,
  guardsPage,
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
  mandatesPage,
  mandatePage,
  usersPage,
  budgetsPage,
  tombstonesPage,
  bundlesPage,
  bundlePage,
  apiKeysPage,
  apiKeyPage,
  upstreamsPage,
  newApiPage,
  documentPage,
  upstreamPage,
  editUpstreamPage,
  upstreamToolPage,
  credentialsPage,
  // Before the page of a credential, whose address takes whatever stands there.
  newCredentialPage,
  credentialPage,
  ownCredentialsPage,
  newOwnCredentialPage,
  connectCredentialPage,
  providerCallbackPage,
  connectPage,
  callsPage,
  callPage,
  teamPage,
  memberRecordPage,
  notificationsPage,
  slackConnectPage,
  slackCallbackPage,
  channelsPage,
  // Before the page of a channel, whose address takes whatever stands there.
  cardsPage,
  newChannelPage,
  channelPage,
  channelDeliveryPage,
  webhooksPage,
  webhookPage,
  webhookDeliveryPage,
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
  subTokensPage,
  devicePage,
];

/** Everything that the pages' own scripts ask for. */
export const ENDPOINTS: readonly Endpoint[] = [
  ...sessionEndpoints,
  ...approvalsEndpoints,
  ...approvalEndpoints,
  ...callEndpoints,
  ...quickstartEndpoints,
  ...quickstartSkillEndpoints,
  ...apiBuilderEndpoints,
  ...activityEndpoints,
  ...entryEndpoints,
  ...receiptEndpoints,
  ...notificationsEndpoints,
  ...evidenceEndpoints,
  ...authorizeEndpoints,
  ...deviceEndpoints,
];
