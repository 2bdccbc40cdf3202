import { makeSecret } from "../lib/identity/credentials.ts";
import { systemRandom } from "../lib/store/system.ts";
import { Child } from "./child.ts";
import type { Served } from "./operations.ts";
import { send } from "./rest.ts";
import { CATEGORY, type SamplePolicy, TAG, TOOLS } from "./sample_policy.ts";

/** 32 random bytes, which every version takes for a secret of the operator's. */
const SECRET_BYTES = 32;

/** A service of the bench's own, in a process that ends with `child`. */
export interface Started extends Served {
  readonly child: Child;
}

/**
 * Starts the service of a checkout over a store that it makes, and sets it up over REST alone,
 * because nothing else is the same in every version: a policy, and a key and an agent without a
 * rate limit.
 */
export async function startServed(
  checkout: string,
  path: string,
  policy: SamplePolicy,
  env: Readonly<Record<string, string>> = {},
): Promise<Started> {
  const management = makeSecret("management", systemRandom);
  const sealingSecret = systemRandom(SECRET_BYTES).toBase64();
  const child = await Child.version(checkout, { path, sealingSecret }, {
    COUNTERSIGN_BOOTSTRAP_KEY: management,
    ...env,
  });
  const { port } = child;
  const put = (route: string, body: unknown) => send(port, management, "PUT", route, body);
  await put(`/v1/categories/${CATEGORY}`, { default_permission: "requires_approval" });
  for (const tool of TOOLS) {
    const fields = { category: CATEGORY, tags: [TAG], annotations_acknowledged: true };
    await put(`/v1/tools/${tool}`, { ...fields, status: "approved" });
  }
  for (const id of policy.tenants) await put(`/v1/tenants/${id}`, { name: id });
  for (const { selector, permission } of policy.rules) {
    const named = Object.entries(selector).filter(([, value]) => value !== null);
    await put("/v1/rules", { selector: Object.fromEntries(named), permission });
  }
  const fields = { name: "bench", rate_limit_per_minute: null };
  const { key } = await send(port, management, "POST", "/v1/api-keys", {
    ...fields,
    tier: "standard",
  });
  const { token } = await send(port, management, "POST", "/v1/agents", fields);
  return { child, port, key: String(key), agent: String(token), management };
}
