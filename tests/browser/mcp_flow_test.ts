/// <reference lib="dom" />
import assert from "node:assert/strict";
import {
  Client,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from "@modelcontextprotocol/client";
import type {
  OAuthClientInformationMixed,
  OAuthClientMetadata,
  OAuthClientProvider,
  OAuthTokens,
} from "@modelcontextprotocol/client";
import { Client as ClientOne } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as TransportOne } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { type Tab, TestBrowser } from "../helpers/browser.ts";
import { approveButton, readToTheEnd } from "./browser_member.ts";
import { firstRun } from "../helpers/browser_people.ts";
import { Countersign } from "../helpers/countersign.ts";

/**
 * The official clients of MCP, from the 401 to an action that ran: they find the authorization
 * server, register, have a person consent under a passkey, ask, wait for the approval, mint and log.
 */

/** What a host keeps of its connection, and the browser in which it sends its person. */
class Host implements OAuthClientProvider, AsyncDisposable {
  readonly #answer = Promise.withResolvers<URLSearchParams>();
  readonly #listener: Deno.HttpServer<Deno.NetAddr>;
  #client: OAuthClientInformationMixed | undefined;
  #tokens: OAuthTokens | undefined;
  #verifier = "";

  constructor(readonly tab: Tab) {
    this.#listener = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen: () => {} },
      (request) => {
        const { pathname, searchParams } = new URL(request.url);
        if (pathname !== "/callback") return new Response(null, { status: 204 });
        this.#answer.resolve(searchParams);
        return new Response("<!doctype html><title>Done</title>", {
          headers: { "content-type": "text/html" },
        });
      },
    );
  }

  get redirectUrl(): string {
    return `http://127.0.0.1:${this.#listener.addr.port}/callback`;
  }
  get clientMetadata(): OAuthClientMetadata {
    return {
      client_name: "Desktop host",
      redirect_uris: [this.redirectUrl],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
    };
  }
  clientInformation() {
    return this.#client;
  }
  saveClientInformation(client: OAuthClientInformationMixed): void {
    this.#client = client;
  }
  tokens() {
    return this.#tokens;
  }
  saveTokens(tokens: OAuthTokens): void {
    this.#tokens = tokens;
  }
  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier;
  }
  codeVerifier(): string {
    return this.#verifier;
  }

  async redirectToAuthorization(url: URL): Promise<void> {
    const { page } = this.tab;
    await page.goto(url.href);
    await this.tab.hydrated();
    await page.getByRole("button", { name: "Allow with your passkey" }).click();
    await page.waitForURL(`${this.redirectUrl}**`);
  }

  /** What the authorization server sent back. */
  get answer(): Promise<URLSearchParams> {
    return this.#answer.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener.shutdown();
  }
}

/** A connected client of either line; a server that shuts down waits for what it holds open. */
interface Connected extends AsyncDisposable {
  call(name: string, args: Record<string, unknown>): Promise<Record<string, unknown>>;
}

async function connectTwo(endpoint: URL, host: Host): Promise<Connected> {
  const connect = async () => {
    const client = new Client({ name: "host", version: "1" });
    const transport = new StreamableHTTPClientTransport(endpoint, { authProvider: host });
    try {
      await client.connect(transport);
    } catch (error) {
      if (!(error instanceof UnauthorizedError)) throw error;
      await transport.finishAuth(await host.answer);
      return null;
    }
    return client;
  };
  const client = await connect() ?? await connect();
  assert.ok(client !== null, "it is connected once it is authorized");
  await client.listTools();
  return {
    call: async (name, args) => {
      const result = await client.callTool({ name, arguments: args }, { timeout: 60_000 });
      assert.ok(!result.isError, JSON.stringify(result.content));
      return result.structuredContent as Record<string, unknown>;
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}

async function connectOne(endpoint: URL, host: Host): Promise<Connected> {
  const connect = async () => {
    const client = new ClientOne({ name: "host", version: "1" });
    // The two lines of the library have the same provider, each with types of its own.
    const authProvider = host as unknown as NonNullable<
      NonNullable<ConstructorParameters<typeof TransportOne>[1]>["authProvider"]
    >;
    const transport = new TransportOne(endpoint, { authProvider });
    try {
      await client.connect(transport as Parameters<typeof client.connect>[0]);
    } catch (error) {
      if (!(error instanceof Error) || !/Unauthorized/.test(`${error.name} ${error}`)) throw error;
      await transport.finishAuth((await host.answer).get("code") ?? "");
      return null;
    }
    return client;
  };
  const client = await connect() ?? await connect();
  assert.ok(client !== null, "it is connected once it is authorized");
  await client.listTools();
  return {
    call: async (name, args) => {
      const call = { name, arguments: args };
      const result = await client.callTool(call, undefined, { timeout: 60_000 });
      assert.ok(!result.isError, JSON.stringify(result.content));
      return result.structuredContent as Record<string, unknown>;
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}

/** Somebody opens the request and approves it, as it is on their screen. */
async function approve(tab: Tab): Promise<void> {
  await tab.goto("/approvals");
  await tab.page.locator(".approval-row a").first().click();
  await tab.hydrated();
  await readToTheEnd(tab);
  await approveButton(tab).click();
  await tab.page.getByText("Approved", { exact: true }).first().waitFor();
}

for (const [line, connect] of [["2", connectTwo], ["1", connectOne]] as const) {
  Deno.test(`version ${line} of the official client goes from the 401 to an approved action`, async () => {
    await using countersign = await Countersign.start({ localhost: true });
    await using browser = await TestBrowser.start();
    const tab = await browser.open({ origin: countersign.origin, passkeys: true });
    tab.expected.push(/favicon/);
    const { org } = await firstRun(tab, countersign);
    await org.tool("refund_payment", { default_permission: "requires_approval" });
    await using host = new Host(tab);
    const endpoint = new URL(`${countersign.origin}/mcp`);
    await using client = await connect(endpoint, host);
    const action = {
      tool_name: "refund_payment",
      resource_id: "order-77",
      arguments: { amount: 40 },
    };

    const checked = await client.call("check_permission", action);
    assert.equal(checked.permission, "requires_approval");
    const asked = client.call("request_approval", {
      ...action,
      reason: "The parcel arrived broken",
      wait_seconds: 45,
    });
    await approve(tab);
    const approved = await asked;
    assert.equal(approved.status, "approved", JSON.stringify(approved));
    const minted = await client.call("mint_run_token", {
      ...action,
      reference: approved.reference,
    });
    const key = await org.key("standard");
    const consumed = await org.post("/v1/tokens/consume", { token: minted.token, ...action }, key);
    assert.equal(consumed.status, 200, consumed.text);
    const logged = await client.call("log_execution", {
      tool_name: "refund_payment",
      token: minted.token,
      execution_result: "success",
    });
    assert.match(String(logged.execution_id), /^exe_/);

    await tab.goto("/connections");
    await tab.page.getByRole("button", { name: /Disconnect/ }).first().click();
    await tab.page.getByText("Desktop host").first().waitFor({ state: "detached" });
    const access = host.tokens()?.access_token ?? "";
    const refused = await countersign.request("POST", "/mcp", {
      headers: { authorization: `Bearer ${access}`, "content-type": "application/json" },
      body: { jsonrpc: "2.0", id: 1, method: "ping" },
    });
    assert.equal(refused.status, 401);
  });
}
