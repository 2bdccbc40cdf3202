import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { HostProgram } from "../../lib/upstreams/host_file.ts";
import type { CallOutcome, UpstreamPort, UpstreamProgress } from "../../lib/upstreams/port.ts";
import { callEcho, connections, NEVER } from "../helpers/upstream_server.ts";

/** MCP servers that are programs of this host. */

const PROGRAM = fileURLToPath(new URL("stdio_program.ts", import.meta.url));

function program(era: string, more: Partial<HostProgram> = {}): HostProgram {
  return {
    command: Deno.execPath(),
    args: ["run", "--quiet", "--no-config", "--no-check", "-A", PROGRAM, era],
    env: { PATH: "/usr/bin", NAMED: "for the program" },
    cwd: null,
    name: "one",
    orgs: null,
    ...more,
  };
}

async function withProgram(
  made: HostProgram,
  run: (port: UpstreamPort) => Promise<void>,
): Promise<void> {
  await using ports = connections([], { programs: new Map([["stdio:one", made]]) });
  const target = { kind: "mcp_stdio", url: "stdio:one", headers: {} } as const;
  const place = ports.take({ org_id: "org_a", name: "one", target, credential: null });
  assert(place !== null);
  await run(place.port);
}

/** What it said in the text of its result. */
function said(outcome: CallOutcome): unknown {
  assert(outcome.is === "result", JSON.stringify(outcome));
  const [block] = JSON.parse(new TextDecoder().decode(outcome.content));
  return JSON.parse(block.text);
}

for (const era of ["modern", "legacy", "dies"]) {
  Deno.test(`program, ${era}: it is started, listed and called, also many times at once`, async () => {
    await withProgram(program(era), async (port) => {
      const connected = await port.connect(NEVER);
      assert(connected.is === "connected", JSON.stringify(connected));
      assert.equal(connected.protocol?.era, era === "modern" ? "modern" : "legacy");
      const listed = await port.list(NEVER);
      assert(listed.is === "listed");
      assert.deepEqual(listed.tools.map(({ name }) => name), ["echo"]);
      const numbers = [1, 2, 3, 4, 5, 6, 7, 8];
      const outcomes = await Promise.all(numbers.map((n) => callEcho(port, { n })));
      assert.deepEqual(outcomes.map(said), numbers.map((n) => ({ n })));
    });
  });
}

Deno.test("program: it gets the variables that were named, its own arguments and folder, and nothing else", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await withProgram(program("legacy", { cwd: folder }), async (port) => {
      assert.deepEqual(said(await callEcho(port, { do: "env" })), {
        PATH: "/usr/bin",
        NAMED: "for the program",
      });
      assert.deepEqual(said(await callEcho(port, { do: "where" })), [
        await Deno.realPath(folder),
        ["legacy"],
      ]);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("program: one that ends in a call leaves unknown what ran, and is started anew for the next", async () => {
  await withProgram(program("legacy"), async (port) => {
    const [hanging, exiting] = await Promise.all([
      callEcho(port, { do: "hang" }),
      callEcho(port, { do: "exit" }),
    ]);
    for (const outcome of [hanging, exiting]) {
      assert(outcome.is === "unknown");
      assert.equal(outcome.why, "cut");
    }
    assert.deepEqual(said(await callEcho(port, { n: 1 })), { n: 1 });
  });
});

Deno.test("program: a call that is ended, or takes too long, is ended there too", async () => {
  await withProgram(program("modern"), async (port) => {
    const stop = new AbortController();
    const stopping = callEcho(port, { do: "hang" }, { signal: stop.signal });
    assert.deepEqual(said(await callEcho(port, { n: 1 })), { n: 1 });
    stop.abort();
    const stopped = await stopping;
    assert(stopped.is === "unknown");
    assert.equal(stopped.why, "stopped");
    const late = await callEcho(port, { do: "hang" }, { timeout_ms: 50 });
    assert(late.is === "unknown");
    assert.equal(late.why, "timed_out");
    const cancelled = said(await callEcho(port, { do: "cancelled" }));
    assert(Array.isArray(cancelled));
    assert.equal(cancelled.length, 2);
  });
});

Deno.test("program: what it prints beside answers is none, and what it asks is not answered by us", async () => {
  await withProgram(program("legacy"), async (port) => {
    assert.equal(said(await callEcho(port, { do: "noise" })), "found");
    assert.equal(said(await callEcho(port, { do: "ask" })), "asked");
    const told: UpstreamProgress[] = [];
    await callEcho(port, { do: "progress" }, { progress: (progress) => told.push(progress) });
    assert.deepEqual(told.map(({ progress }) => progress), [1]);
  });
});

Deno.test("program: a result that is too large is told as that, and others go on", async () => {
  await withProgram(program("legacy"), async (port) => {
    for (const mib of ["2", "30"]) {
      const outcome = await callEcho(port, { do: "large", mib });
      assert(outcome.is === "too_large", JSON.stringify(outcome));
      assert.equal(outcome.max_bytes, 1024 * 1024);
    }
    const whole = await callEcho(port, { do: "large", mib: "2" }, { max_bytes: 4 * 1024 * 1024 });
    assert(whole.is === "result");
    assert(whole.content.length > 0);
    assert.deepEqual(said(await callEcho(port, { n: 1 })), { n: 1 });
  });
});

Deno.test("program: one that cannot be started, or is no MCP server, costs no call", async () => {
  const none = [
    program("legacy", { command: "/not/there" }),
    program("legacy", { command: "/bin/true", args: [] }),
  ];
  for (const made of none) {
    await withProgram(made, async (port) => {
      const outcome = await callEcho(port);
      assert(outcome.is === "not_sent");
      assert.equal(outcome.why, "unreachable");
      assert.doesNotMatch(outcome.says, /not\/there|true/);
    });
  }
});
