import assert from "node:assert/strict";
import * as oauth from "oauth4webapi";
import { Countersign } from "../helpers/countersign.ts";
import { fault, OAuthWorld, REDIRECT } from "../helpers/oauth_world.ts";

Deno.test("the metadata name this origin, and what it takes and gives", async () => {
  await using countersign = await Countersign.start();
  const { origin } = countersign;
  const got = await countersign.request("GET", "/.well-known/oauth-authorization-server");
  assert.equal(got.status, 200);
  assert.equal(got.headers.get("access-control-allow-origin"), "*");
  assert.match(got.headers.get("cache-control") ?? "", /max-age/);
  assert.deepEqual(got.body, {
    issuer: origin,
    authorization_endpoint: `${origin}/oauth/authorize`,
    token_endpoint: `${origin}/oauth/token`,
    revocation_endpoint: `${origin}/oauth/revoke`,
    registration_endpoint: `${origin}/oauth/register`,
    response_types_supported: ["code"],
    response_modes_supported: ["query"],
    device_authorization_endpoint: `${origin}/oauth/device_authorization`,
    grant_types_supported: [
      "authorization_code",
      "refresh_token",
      "urn:ietf:params:oauth:grant-type:device_code",
    ],
    token_endpoint_auth_methods_supported: ["none"],
    revocation_endpoint_auth_methods_supported: ["none"],
    code_challenge_methods_supported: ["S256"],
    scopes_supported: ["mcp:read", "mcp:write", "mcp:run", "offline_access"],
    client_id_metadata_document_supported: true,
    authorization_response_iss_parameter_supported: true,
    protected_resources: [`${origin}/mcp`, `${origin}/mcp/gateway`],
  });
  for (const path of ["/mcp", ""]) {
    const resource = await countersign.request(
      "GET",
      `/.well-known/oauth-protected-resource${path}`,
    );
    assert.deepEqual(resource.body, {
      resource: `${origin}/mcp`,
      authorization_servers: [origin],
      scopes_supported: ["mcp:read", "mcp:write"],
      bearer_methods_supported: ["header"],
      resource_name: "Countersign",
    });
  }
});

const INSECURE = { [oauth.allowInsecureRequests]: true };

/** The whole of the protocol by a client that checks every answer strictly. */
Deno.test("a strict client of another make goes from discovery to revocation", async () => {
  await using world = await OAuthWorld.start();
  const resource = new URL(world.resource);
  const prm = await oauth.processResourceDiscoveryResponse(
    resource,
    await oauth.resourceDiscoveryRequest(resource, INSECURE),
  );
  const issuer = new URL(prm.authorization_servers?.[0] ?? assert.fail());
  const as = await oauth.processDiscoveryResponse(
    issuer,
    await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...INSECURE }),
  );
  const client = await oauth.processDynamicClientRegistrationResponse(
    await oauth.dynamicClientRegistrationRequest(
      as,
      { redirect_uris: [REDIRECT], client_name: "Strict" },
      INSECURE,
    ),
  ) as oauth.Client;
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const query = world.query({
    client_id: client.client_id,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    scope: "mcp:read mcp:write offline_access",
    prompt: "consent",
  });
  const allowed = await world.tick(query);
  const params = oauth.validateAuthResponse(as, client, new URL(allowed.body.redirect), state);
  const answer = await oauth.authorizationCodeGrantRequest(
    as,
    client,
    oauth.None(),
    params,
    REDIRECT,
    verifier,
    { additionalParameters: { resource: resource.href }, ...INSECURE },
  );
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, answer);
  assert.equal(tokens.token_type, "bearer");
  assert.equal(tokens.scope, "mcp:read mcp:write");
  const refreshed = await oauth.processRefreshTokenResponse(
    as,
    client,
    await oauth.refreshTokenGrantRequest(
      as,
      client,
      oauth.None(),
      tokens.refresh_token ?? "",
      { additionalParameters: { resource: resource.href }, ...INSECURE },
    ),
  );
  assert.notEqual(refreshed.refresh_token, tokens.refresh_token);
  const revocation = await oauth.revocationRequest(
    as,
    client,
    oauth.None(),
    refreshed.refresh_token ?? "",
    INSECURE,
  );
  await oauth.processRevocationResponse(revocation);
  await revocation.body?.cancel();
  assert.equal(await world.present(refreshed.access_token), null);
});

Deno.test("a strict client takes our errors for what they are", async () => {
  await using world = await OAuthWorld.start();
  const issuer = new URL(world.origin);
  const as = await oauth.processDiscoveryResponse(
    issuer,
    await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...INSECURE }),
  );
  const client = { client_id: world.client_id };
  const refused = await world.authorize(world.query({ code_challenge_method: "plain" }));
  await refused.body?.cancel();
  const location = new URL(refused.headers.get("location") ?? "");
  assert.throws(
    () => oauth.validateAuthResponse(as, client, location, "some state"),
    (error) =>
      error instanceof oauth.AuthorizationResponseError && error.error === "invalid_request",
  );
  const mixed = new URL(location);
  mixed.searchParams.set("iss", "https://other.example");
  assert.throws(() => oauth.validateAuthResponse(as, client, mixed, "some state"), /iss/);
  await assert.rejects(
    async () =>
      oauth.processRefreshTokenResponse(
        as,
        client,
        await oauth.refreshTokenGrantRequest(as, client, oauth.None(), "x", INSECURE),
      ),
    (error) => error instanceof oauth.ResponseBodyError && error.error === "invalid_grant",
  );
  fault(await world.refresh("x"), "invalid_grant");
});
