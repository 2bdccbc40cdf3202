import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { type Actor, CALL_SECONDS, CALLED_TOOLS, type Credential, type Scene } from "./actor.ts";
import { Runner } from "./runner.ts";
import { TokenServer } from "./token_server.ts";
import { ToolServer } from "./tool_server.ts";

/**
 * Servers of others that an org has named: one that anybody may call, and one that takes the access
 * tokens of an authorization server alone; and who calls their tools, and keeps the credential good.
 */
export async function gatewayActors(
  scene: Scene,
  management: Credential,
  name: string,
  actor: (part: string) => Actor,
): Promise<readonly (readonly [string, () => Promise<void>])[]> {
  const { world, org, callers } = scene;
  const chance = (what: string) => world.chance.fork(`${name} ${what}`);
  const strikes = world.happens.bind(world);
  const { history, wires } = world;
  const login = `login-${name}.example.com`;
  const tokens = new TokenServer(
    `https://${login}`,
    () => world.schedule.now,
    chance("login"),
    strikes,
    (presented) => history.happened({ is: "presented", org: org.id, presented }),
    (access) => history.happened({ is: "shown", org: org.id, access }),
  );
  wires.put(login, tokens);
  const origin = `https://mail-${name}.example.com`;
  const made = await org.manage("POST", "/v1/credentials", {
    name: "Mail",
    kind: "oauth2",
    origins: [origin],
    oauth: {
      issuer: `https://${login}`,
      client_id: "client-1",
      client_secret: "client-secret",
      refresh_token: tokens.consent(),
      resource: `${origin}/mcp`,
    },
  });
  assert.equal(made.status, 201, made.text);
  const credential_id: string = made.body.id;
  for (const upstream of ["notes", "mail"]) {
    const own = Object.keys(CALLED_TOOLS).filter((tool) => tool.startsWith(`${upstream}/`));
    const host = `${upstream}-${name}.example.com`;
    wires.put(
      host,
      new ToolServer(
        upstream,
        own.map((tool) => tool.slice(upstream.length + 1)),
        chance(upstream),
        strikes,
        (shown) => upstream === "notes" || tokens.lets(shown),
        (run) => history.happened({ is: "ran", org: org.id, run }),
      ),
    );
    const put = await org.manage("PUT", `/v1/upstreams/${upstream}`, {
      kind: "mcp",
      url: `https://${host}/mcp`,
      timeout_seconds: CALL_SECONDS,
      ...(upstream === "notes" ? {} : { credential: { mode: "org", credential_id } }),
    });
    assert.ok(put.status < 300, put.text);
    const listed = await org.get(`/v1/upstreams/${upstream}/tools`, org.management);
    const approved = (listed.body.data as JsonObject[]).map(({ name, definition_digest }) => ({
      name,
      definition_digest,
      default_permission: CALLED_TOOLS[name as keyof typeof CALLED_TOOLS],
      ...(name === "notes/read" ? { annotations: { read_only: true, destructive: false } } : {}),
    }));
    const approving = { tools: approved } as JsonObject;
    const got = await org.manage("POST", `/v1/upstreams/${upstream}/approve`, approving);
    assert.equal(got.status, 200, got.text);
  }
  const runners = [0, 1].map((at) => {
    const part = `runner${at}`;
    const runner = new Runner(actor(part), callers[at] ?? assert.fail("no caller"));
    return [part, () => runner.live()] as const;
  });
  const connector = actor("connector");
  const path = `/v1/credentials/${credential_id}`;
  /** Whoever keeps the credential: lets the program in anew where it says that this has to be done. */
  const keep = async () => {
    const seen = await connector.ask(management, "credential", "GET", path);
    const isOver = seen.status === 200 && seen.answer.state === "needs_reconnect";
    if (!isOver && !connector.chance.happens(0.01)) return;
    await connector.ask(management, "reconnect", "POST", `${path}/rotate`, {
      oauth: { refresh_token: tokens.consent() },
    });
  };
  return [...runners, ["connector", () => connector.live(keep, 500, 6000)]];
}
