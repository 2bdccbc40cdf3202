import { isJsonObject, type JsonObject, type JsonValue, memberOf } from "../../lib/base/json.ts";
import { systemTimer, type Timer } from "../../lib/store/system.ts";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";

/**
 * A Countersign for the conformance suite of MCP, which knows no credentials and calls tools of its
 * own by name: `deno run -A tests/clients/conformance_server.ts 8100`, then the suite's `server
 * --url http://localhost:8100/mcp --expected-failures tests/clients/conformance_expected.yml`. In
 * front of the real endpoint stands a proxy that adds the token of an agent, and has the suite's
 * tools played by ours: `slow_compute`, done after some seconds, is a request that is approved after
 * as many.
 */
export class ConformanceServer implements AsyncDisposable {
  readonly #client = Deno.createHttpClient({ allowHost: true });
  readonly #timers = new Set<Timer>();

  private constructor(
    readonly behind: Behind,
    readonly server: Deno.HttpServer<Deno.NetAddr>,
  ) {}

  /** @param behind what is asked; the endpoint `/mcp` when absent */
  static async start(
    port = 0,
    behind: Behind | Promise<Behind> = checksAndAsks(),
  ): Promise<ConformanceServer> {
    const asked = await behind;
    const { promise, resolve } = Promise.withResolvers<ConformanceServer>();
    const server = Deno.serve(
      { port, hostname: "127.0.0.1", onListen: () => {} },
      async (request) => (await promise).#answer(request),
    );
    const started = new ConformanceServer(asked, server);
    resolve(started);
    return started;
  }

  /** What the suite is given. */
  get url(): string {
    return `http://localhost:${this.server.addr.port}${this.behind.path}`;
  }

  async #answer(request: Request): Promise<Response> {
    const { org, token, path, plays } = this.behind;
    const { origin } = org.countersign;
    const headers = new Headers(request.headers);
    headers.set("authorization", `Bearer ${token}`);
    headers.delete("content-length");
    // A name that is this proxy's is the server's own behind it; any other is passed on as it is.
    const own = `localhost:${this.server.addr.port}`;
    const host = headers.get("host") === own ? new URL(origin).host : headers.get("host") ?? "";
    headers.set("host", host);
    if (headers.get("origin") === `http://${own}`) headers.set("origin", origin);

    const text = await request.text();
    const played = playedBy(text, plays);
    // A name that does not fit the body is the suite's own fault, and stays one.
    if (played !== null && headers.get("mcp-name") === played.name) {
      headers.set("mcp-name", played.tool);
    }
    // Who takes no tasks is held until somebody says yes.
    const { approveNewest } = this.behind;
    if (played !== null && approveNewest !== undefined && !text.includes(TASKS)) {
      void approveNewest();
    }
    const response = await fetch(`http://127.0.0.1:${new URL(origin).port}${path}`, {
      method: request.method,
      headers,
      ...(request.method === "POST" ? { body: played?.body ?? text } : {}),
      client: this.#client,
      signal: request.signal,
    });
    const lists = headers.get("mcp-method") === "tools/list";
    if (played === null && !lists) return response;
    const answer = answerOf(await response.text());
    if (isJsonObject(answer) && isJsonObject(answer.result)) {
      this.#afterwards(answer.result, played);
    }
    const status = response.status;
    return Response.json(answer, { status });
  }

  /** Lists the suite's tools too, and has somebody decide what a task waits for. */
  #afterwards(result: JsonObject, played: Played | null): void {
    if (Array.isArray(result.tools)) {
      const listed = new Set(result.tools.map((tool) => memberOf(tool, "name")));
      for (const name of Object.keys(this.behind.plays)) {
        if (!listed.has(name)) result.tools.push({ name, inputSchema: { type: "object" } });
      }
    }
    if (played?.name === "greet" && played.tool !== "greet") {
      result.content = [{ type: "text", text: played.greeting }];
    }
    const { taskId } = result;
    if (played === null || result.resultType !== "task" || typeof taskId !== "string") return;
    const timer = systemTimer(played.seconds * 1000);
    this.#timers.add(timer);
    void timer.elapsed.then(() => {
      this.#timers.delete(timer);
      return this.behind.approve(taskId.split(".")[1] ?? "");
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
    await this.server.shutdown();
    this.#client.close();
    await this.behind.org[Symbol.asyncDispose]();
  }
}

/** Which of our tools plays one of the suite's, and with what. */
type Plays = Readonly<
  Record<string, (args: JsonObject) => { tool: string; args: JsonObject; seconds?: number }>
>;

/** What the suite is led to. */
export interface Behind {
  readonly org: ApprovalOrg;
  /** Of an agent. */
  readonly token: string;
  readonly path: string;
  readonly plays: Plays;
  /** Has somebody approve what a task waits for. @param id as the task names it */
  readonly approve: (id: string) => Promise<unknown>;
  /** Has somebody approve what was asked last, where calls are held for it. */
  readonly approveNewest?: () => Promise<unknown>;
}

async function checksAndAsks(): Promise<Behind> {
  const org = await ApprovalOrg.start({ localhost: true });
  const token = await org.org.agent();
  const approve = (id: string) => org.decide(id, "approve");
  return { org, token, path: "/mcp", plays: PLAYED, approve };
}

/** A call of one of the suite's tools, and the call of ours that is made in its place. */
interface Played {
  readonly name: string;
  readonly tool: string;
  readonly body: string;
  /** After how many somebody decides. */
  readonly seconds: number;
  readonly greeting: string;
}

const TASKS = "io.modelcontextprotocol/tasks";

/** Longer than the suite looks. */
const NEVER = 3600;

const PLAYED: Plays = {
  greet: () => ({ tool: "list_my_tools", args: {} }),
  slow_compute: ({ seconds = 0 }) => waiting(seconds === 0 ? 0 : 45),
  confirm_delete: () => waiting(45),
  failing_job: () => waiting(45),
};

function waiting(wait_seconds: number): { tool: string; args: JsonObject } {
  return {
    tool: "request_approval",
    args: {
      tool_name: TOOL,
      // Another action each time: the same one would be joined.
      arguments: { call: crypto.randomUUID() },
      reason: "The suite asks for it",
      wait_seconds,
    },
  };
}

function playedBy(text: string, plays: Plays): Played | null {
  const message = parsed(text);
  if (!isJsonObject(message) || message.method !== "tools/call") return null;
  const { params } = message;
  if (!isJsonObject(params) || typeof params.name !== "string") return null;
  const { name } = params;
  const given = isJsonObject(params.arguments) ? params.arguments : {};
  const ours = plays[name]?.(given);
  if (ours === undefined) return null;
  return {
    name,
    tool: ours.tool,
    body: JSON.stringify({
      ...message,
      params: { ...params, name: ours.tool, arguments: ours.args },
    }),
    seconds: typeof given.seconds === "number" ? given.seconds : ours.seconds ?? NEVER,
    greeting: `Hello, ${given.name}!`,
  };
}

/** The last message of an answer, in a stream or alone. */
function answerOf(text: string): JsonValue {
  const data = text.split("\n").findLast((line) => line.startsWith("data: "));
  return parsed(data === undefined ? text : data.slice(6));
}

function parsed(text: string): JsonValue {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

if (import.meta.main) {
  const { url } = await ConformanceServer.start(Number(Deno.args[0] ?? 0));
  console.log(`Conformance server at ${url}`);
}
