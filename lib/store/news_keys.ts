/**
 * The keys of what is told to people: what happened, whom it is told to, by what, and what came of it.
 * Browsers that take pushes are of a person; everything else is of an org.
 */

/** What happened, until it is forgotten. */
export const eventKey = (org: string, id: string) => ["event", org, id] as const;

export const eventPrefix = (org: string) => ["event", org] as const;

/** Has a second part: the row of a key that is all prefix is not listed under it. */
export const pushKeyKey = () => ["push_key", "vapid"] as const;

export const pushSubscriptionKey = (account: string, id: string) =>
  ["push_subscription", account, id] as const;

export const pushSubscriptionPrefix = (account: string) => ["push_subscription", account] as const;

/** Whose a browser is, by the id of its subscription. */
export const pushEndpointKey = (id: string) => ["push_endpoint", id] as const;

export const alertPreferenceKey = (org: string, member: string) =>
  ["alert_preference", org, member] as const;

/** Which endpoints of an org hear of what: webhooks and channels. */
export const endpointsKey = (org: string) => ["endpoints", org] as const;

export const webhookKey = (org: string, id: string) => ["webhook", org, id] as const;

export const webhookPrefix = (org: string) => ["webhook", org] as const;

/** What a webhook is signed with. */
export const webhookSecretKey = (org: string, id: string) => ["webhook_secret", org, id] as const;

/** What is sent to an endpoint of one event: each event once, in their order. */
export const deliveryKey = (org: string, endpoint: string, event: string) =>
  ["delivery", org, endpoint, event] as const;

export const deliveryPrefix = (org: string, endpoint: string) =>
  ["delivery", org, endpoint] as const;

/**
 * What is due for an endpoint, in the order of its times. However much waits for one that hangs, who
 * looks for work passes over it.
 */
export const endpointDueKey = (
  endpoint: string,
  at: number,
  kind: string,
  org: string,
  id: string,
) => ["endpoint_due", endpoint, at, kind, org, id] as const;

export const endpointDuePrefix = () => ["endpoint_due"] as const;

/** By what the host of an endpoint knows a request. */
export const externalKey = (org: string, endpoint: string, approval: string) =>
  ["external", org, endpoint, approval] as const;

export const alertDeliveryKey = (org: string, id: string) => ["alert_delivery", org, id] as const;

export const alertDeliveryPrefix = (org: string) => ["alert_delivery", org] as const;

export const channelKey = (org: string, id: string) => ["channel", org, id] as const;

export const channelPrefix = (org: string) => ["channel", org] as const;

/** What a channel is reached by, sealed. */
export const channelSecretKey = (org: string, id: string) => ["channel_secret", org, id] as const;

/** That a member went to Slack to choose a channel, by the hash of what they come back with. */
export const slackStateKey = (org: string, hash: string) => ["slack_state", org, hash] as const;
