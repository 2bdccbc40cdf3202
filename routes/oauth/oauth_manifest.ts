import { tokenEndpoint } from "./endpoints.ts";
import { metadataEndpoints } from "./metadata.ts";
import type { OAuthEndpoint } from "./oauth_endpoint.ts";
import { registrationEndpoint } from "./register.ts";
import { revocationEndpoint } from "./revoke.ts";

/** What programs ask of the authorization server; what people see of it is a page. */
export const OAUTH_ENDPOINTS: readonly OAuthEndpoint[] = [
  ...metadataEndpoints,
  tokenEndpoint,
  revocationEndpoint,
  registrationEndpoint,
];
