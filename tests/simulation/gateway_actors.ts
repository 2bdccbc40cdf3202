import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { type Actor, CALL_SECONDS, CALLED_TOOLS, type Credential, type Scene } from "./actor.ts";
import { digestsOf, documentOf, HttpApiServer } from "./api_server.ts";
import { Offering, toolDigest } from "./offering.ts";
import { Runner } from "./runner.ts";
import { TokenServer } from "./token_server.ts";
import { ToolKeeper } from "./tool_keeper.ts";
import { ToolServer } from "./tool_server.ts";

/** An actor by its part, and how it lives. */
type Living = readonly [part: string, live: () => Promise<void>];

/** What it takes to make the servers of an org, while nothing goes wrong. */
interface Making {
  readonly scene: Scene;
  readonly management: Credential;
  readonly name: string;
  readonly actor: (part: string) => Actor;
}

/** The servers that an org may have named, each of which some worlds have. */
const MAKERS = { notes: makeNotes, mail: makeMail, shop: makeShop, api: makeApi };

const UPSTREAMS = Object.keys(MAKERS) as (keyof typeof MAKERS)[];

/**
 * Servers of others that an org has named, and who calls their tools and looks after them: one that
 * anybody may call, one that takes the access tokens of an authorization server alone, one that changes
 * what it offers, and an HTTP API whose document is given again and again.
 */
export async function gatewayActors(
  scene: Scene,
  management: Credential,
  name: string,
  actor: (part: string) => Actor,
): Promise<readonly Living[]> {
  const chance = scene.world.chance.fork(`${name} upstreams`);
  const drawn = UPSTREAMS.filter(() => chance.happens(0.5));
  const named = drawn.length === 0 ? [chance.pick(UPSTREAMS)] : drawn;
  const keepers: Living[] = [];
  for (const upstream of named) {
    keepers.push(...await MAKERS[upstream]({ scene, management, name, actor }));
    await approve(scene, upstream);
  }
  const tools = named.flatMap(toolsOf);
  const runners = [0, 1].map((at): Living => {
    const part = `runner${at}`;
    const caller = scene.callers[at] ?? assert.fail("no caller");
    const runner = new Runner(actor(part), caller, tools);
    return [part, () => runner.live()];
  });
  return [...runners, ...keepers];
}

type CalledTool = keyof typeof CALLED_TOOLS;

/** The tools of an upstream, by their names in the catalog. */
function toolsOf(upstream: string): CalledTool[] {
  return (Object.keys(CALLED_TOOLS) as CalledTool[]).filter((tool) =>
    tool.startsWith(`${upstream}/`)
  );
}

/** The same by their names at the upstream. */
function ownNames(upstream: string): string[] {
  return toolsOf(upstream).map((tool) => tool.slice(upstream.length + 1));
}

/** Approves all tools of an upstream as they are now. */
async function approve({ org }: Scene, upstream: string): Promise<void> {
  const listed = await org.get(`/v1/upstreams/${upstream}/tools`, org.management);
  const approved = (listed.body.data as JsonObject[]).map(({ name, definition_digest }) => ({
    name,
    definition_digest,
    default_permission: CALLED_TOOLS[name as CalledTool],
    ...(name === "notes/read" ? { annotations: { read_only: true, destructive: false } } : {}),
  }));
  const approving = { tools: approved } as JsonObject;
  const got = await org.manage("POST", `/v1/upstreams/${upstream}/approve`, approving);
  assert.equal(got.status, 200, got.text);
}

/** An MCP server, under whose name the org knows it. */
async function makeServer(
  { scene: { world, org }, name }: Making,
  upstream: "notes" | "mail" | "shop",
  { lets = () => true, more = {}, isLooked = false }: {
    readonly lets?: (authorization: string | undefined) => boolean;
    /** What is said of it besides. */
    readonly more?: JsonObject;
    /** Whether what it runs is held against what was taken. */
    readonly isLooked?: boolean;
  } = {},
): Promise<Offering> {
  const host = `${upstream}-${name}.example.com`;
  const url = `https://${host}/mcp`;
  const offering = new Offering(ownNames(upstream), () => world.schedule.now);
  const { history } = world;
  const server = new ToolServer(
    upstream,
    offering,
    world.chance.fork(`${name} ${upstream}`),
    world.happens.bind(world),
    lets,
    (run, defined, bare) => {
      const { since } = defined;
      const digest = () => toolDigest(url, bare, defined);
      const definition = isLooked ? { digest: digest(), since, isExact: false } : null;
      history.happened({ is: "ran", org: org.id, run: { ...run, definition } });
    },
  );
  world.wires.put(host, server);
  const said = { kind: "mcp", url, timeout_seconds: CALL_SECONDS, ...more };
  const put = await org.manage("PUT", `/v1/upstreams/${upstream}`, said);
  assert.ok(put.status < 300, put.text);
  return offering;
}

async function makeNotes(making: Making): Promise<Living[]> {
  await makeServer(making, "notes");
  return [];
}

/** One that takes the tokens of an authorization server, and who keeps the credential good. */
async function makeMail(making: Making): Promise<Living[]> {
  const { scene: { world, org }, management, name, actor } = making;
  const { history, wires } = world;
  const login = `login-${name}.example.com`;
  const tokens = new TokenServer(
    `https://${login}`,
    () => world.schedule.now,
    world.chance.fork(`${name} login`),
    world.happens.bind(world),
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
  await makeServer(making, "mail", {
    lets: (shown) => tokens.lets(shown),
    more: { credential: { mode: "org", credential_id } },
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
  return [["connector", () => connector.live(keep, 500, 6000)]];
}

/** One that changes what it offers, and who takes what it offers by then. */
async function makeShop(making: Making): Promise<Living[]> {
  const { scene: { world, org }, name } = making;
  const offering = await makeServer(making, "shop", { isLooked: true });
  const url = `https://shop-${name}.example.com/mcp`;
  offering.changed = () => {
    const entries = [...offering.offered].map(([tool, defined]) =>
      [tool, toolDigest(url, tool, defined)] as const
    );
    const offers = { upstream: "shop", at: world.schedule.now, digests: new Map(entries) };
    world.history.happened({ is: "offers", org: org.id, offers });
  };
  const keeper = making.actor("shopkeeper");
  const tell = () => keeper.ask(making.management, "refresh", "POST", "/v1/upstreams/shop/refresh");
  const kept = new ToolKeeper(keeper, making.management, "shop", offering, tell);
  return [["shopkeeper", () => kept.live()]];
}

/** An HTTP API, and who gives its document and takes its operations. */
async function makeApi({ scene, management, name, actor }: Making): Promise<Living[]> {
  const { world, org } = scene;
  const host = `api-${name}.example.com`;
  const url = `https://${host}`;
  const offering = new Offering(ownNames("api"), () => world.schedule.now);
  /** Of each version of an operation that there ever was, by its name and version. */
  const digests = new Map<string, string>();
  const server = new HttpApiServer(
    "api",
    world.chance.fork(`${name} api`),
    world.happens.bind(world),
    (run, version) => {
      const digest = digests.get(version) ?? "";
      const definition = { digest, since: 0, isExact: true };
      world.history.happened({ is: "ran", org: org.id, run: { ...run, definition } });
    },
  );
  world.wires.put(host, server);
  const giver = actor("giver");
  const give = async () => {
    const document = documentOf(offering);
    const versions = [...offering.offered].map(([name, { version }]) => [name, version] as const);
    const read = await digestsOf(document, url);
    for (const [name, version] of versions) {
      digests.set(`${name} v${version}`, read.get(name) ?? "");
    }
    world.history.happened({ is: "given", org: org.id, digests: read });
    const body = { kind: "openapi", base_url: url, document, timeout_seconds: CALL_SECONDS };
    return await giver.ask(management, "offer", "PUT", "/v1/upstreams/api", body);
  };
  const { status, answer } = await give();
  assert.equal(status, 201, JSON.stringify(answer));
  const keeper = new ToolKeeper(giver, management, "api", offering, give);
  return [["giver", () => keeper.live()]];
}
