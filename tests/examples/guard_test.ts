import assert from "node:assert/strict";
import { guard } from "../../examples/guard.ts";
import type { JsonObject, JsonValue } from "../../lib/base/json.ts";
import { Countersign, type Got, type TestOrg } from "../helpers/countersign.ts";
import { PROJECT } from "../helpers/project_files.ts";

/** One guarded call: where it asks, and what the tool does when it is run. */
interface Attempt {
  readonly url: string;
  readonly key: string;
  readonly tool_name: string;
  readonly wait: number;
  readonly arguments: JsonObject;
  readonly call: { readonly reason: string; readonly resource_id?: string };
  readonly tool: "returns" | "throws";
}

/** What became of it. */
interface Outcome {
  /** The arguments of each run of the tool. */
  readonly runs: JsonValue[];
  readonly returned: JsonValue;
  readonly raised: string | null;
  /** What it said while it waited. */
  readonly told: readonly string[];
}

/** Makes each attempt in turn, in one language. */
type Runner = (attempts: Attempt[]) => Promise<Outcome[]>;

const inTypeScript: Runner = async (attempts) => {
  const outcomes: Outcome[] = [];
  for (const attempt of attempts) outcomes.push(await attemptInTypeScript(attempt));
  return outcomes;
};

async function attemptInTypeScript(attempt: Attempt): Promise<Outcome> {
  const { url, key, tool_name, wait } = attempt;
  const runs: JsonValue[] = [];
  const told: string[] = [];
  const tell = (line: string) => told.push(line);
  const tool = (args: JsonObject) => {
    runs.push(args);
    if (attempt.tool === "throws") throw new Error("the disk is full");
    return "done";
  };
  try {
    const returned = await guard({ url, key }, tool_name, tool, { wait, tell })(
      attempt.arguments,
      attempt.call,
    );
    return { runs, returned, raised: null, told };
  } catch (error) {
    return { runs, returned: null, raised: String(error), told };
  }
}

const PYTHON = `
import json, sys
sys.path.insert(0, "examples")
from guard import guard

def outcome_of(attempt):
    runs, told = [], []

    def tool(**arguments):
        runs.append(arguments)
        if attempt["tool"] == "throws":
            raise OSError("the disk is full")
        return "done"

    guarded = guard(attempt["url"], attempt["key"], attempt["tool_name"], tool, attempt["wait"], told.append)
    try:
        returned = guarded(attempt["arguments"], **attempt["call"])
        return {"runs": runs, "returned": returned, "raised": None, "told": told}
    except Exception as error:
        return {"runs": runs, "returned": None, "raised": repr(error), "told": told}

print(json.dumps([outcome_of(attempt) for attempt in json.load(sys.stdin)]))
`;

const inPython: Runner = async (attempts) => {
  const python = new Deno.Command("python3", {
    args: ["-B", "-c", PYTHON],
    cwd: PROJECT,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = python.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(attempts)));
  await writer.close();
  const { code, stdout, stderr } = await python.output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
};

const ARGUMENTS = { path: "notes.txt" };

/** A Countersign with one tool, and a guarded call of it. */
class Guarded implements AsyncDisposable {
  constructor(readonly countersign: Countersign, readonly org: TestOrg) {}

  static async start(default_permission: string): Promise<Guarded> {
    const countersign = await Countersign.start();
    const org = await countersign.org();
    await org.tool("delete_file", { default_permission });
    await org.member("ann@example.com");
    return new Guarded(countersign, org);
  }

  get url(): string {
    return `http://127.0.0.1:${this.countersign.server.addr.port}`;
  }

  attempt(fields: Partial<Attempt> = {}): Attempt {
    return { ...attemptAt(this.url), key: this.org.standard, ...fields };
  }

  /** Decides the request for approval as soon as there is one. */
  async decide(decision: "approve" | "deny", note?: string): Promise<void> {
    let id: string | undefined;
    while (id === undefined) {
      const pending = await this.org.get("/v1/approvals?status=pending", this.org.approver);
      id = pending.body.data[0]?.id;
    }
    const body = { decision, decided_by: "ann@example.com", ...(note && { note }) };
    const got = await this.org.post(`/v1/approvals/${id}/decide`, body, this.org.approver);
    assert.equal(got.status, 200, got.text);
  }

  async activity(type: string): Promise<Got["body"][]> {
    return (await this.org.get(`/v1/activity?type=${type}`, this.org.standard)).body.data;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.countersign[Symbol.asyncDispose]();
  }
}

function attemptAt(url: string): Attempt {
  const call = { reason: "tidying up", resource_id: "disk-1" };
  const key = "cs_live_unknown";
  return {
    url,
    key,
    tool_name: "delete_file",
    wait: 0,
    arguments: ARGUMENTS,
    call,
    tool: "returns",
  };
}

/** Something else in Countersign's place: `answer` gives each request's answer. */
function inItsPlace(answer: (request: Request) => Response | Promise<Response>) {
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, answer);
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** Passes a request on to Countersign. */
async function passOn(request: Request, url: string): Promise<Response> {
  const { pathname } = new URL(request.url);
  const headers = {
    "content-type": "application/json",
    "x-api-key": request.headers.get("x-api-key") ?? "",
  };
  const init = { method: "POST", headers, body: await request.text() };
  const answer = await fetch(new URL(pathname, url), init);
  return Response.json(await answer.json(), { status: answer.status });
}

const CHECKED = { permission: "allowed", token: "cs_run_made_up", token_id: "rtk_made_up" };

/** Answers that authorize nothing. */
const NO_AUTHORIZATIONS: readonly ((path: string) => Response)[] = [
  () => Response.json({ code: "internal_error" }, { status: 500 }),
  () => new Response("<h1>Welcome</h1>", { headers: { "content-type": "text/html" } }),
  () => Response.json(null),
  () => Response.json([]),
  () => Response.json({}),
  () => Response.json({ permission: "allowed" }),
  () => Response.json({ token: "cs_run_x" }),
  () => Response.json({ token_id: "rtk_made_up" }),
  (path) => Response.json(path.endsWith("/check") ? { token: "cs_run_x" } : { token_id: null }),
  (path) => Response.json(path.endsWith("/check") ? CHECKED : { consumed_at: "2026-01-01" }),
  (path) => Response.json(path.endsWith("/check") ? CHECKED : { token_id: "rtk_another" }),
  (path) => Response.json(CHECKED, { status: path.endsWith("/check") ? 200 : 500 }),
];

for (const [language, runAll] of Object.entries({ TypeScript: inTypeScript, Python: inPython })) {
  const run = async (attempt: Attempt): Promise<Outcome> => {
    const [outcome] = await runAll([attempt]);
    assert.ok(outcome);
    return outcome;
  };
  const test = (promise: string, body: () => Promise<void>) =>
    Deno.test(`guard() in ${language} ${promise}`, body);

  test("runs an allowed tool once and logs it", async () => {
    await using guarded = await Guarded.start("allowed");
    const outcome = await run(guarded.attempt());
    assert.deepEqual(outcome, { runs: [ARGUMENTS], returned: "done", raised: null, told: [] });
    const [logged, ...more] = await guarded.activity("execution.logged");
    assert.equal(more.length, 0);
    assert.equal(logged.data.execution_result, "success");
    assert.equal(logged.subject.resource, "disk-1");
    assert.equal((await guarded.activity("token.consumed")).length, 1);
  });

  test("does not run a disabled tool", async () => {
    await using guarded = await Guarded.start("disabled");
    const outcome = await run(guarded.attempt());
    assert.deepEqual(outcome.runs, []);
    assert.match(outcome.raised ?? "", /disabled/);
  });

  test("tells where a human decides, and runs a held tool after its approval", async () => {
    await using guarded = await Guarded.start("requires_approval");
    const [{ told, ...outcome }] = await Promise.all([
      run(guarded.attempt({ wait: 30 })),
      guarded.decide("approve"),
    ]);
    assert.deepEqual(outcome, { runs: [ARGUMENTS], returned: "done", raised: null });
    const [{ subject }] = await guarded.activity("approval.created");
    assert.deepEqual(told, [
      `Waiting for a human: ${guarded.countersign.origin}/approvals/${subject.approval}`,
    ]);
    assert.equal((await guarded.activity("permission.checked")).length, 2, "it asked once");
  });

  test("does not run a held tool after its denial, and says why in one line", async () => {
    await using guarded = await Guarded.start("requires_approval");
    const [outcome] = await Promise.all([
      run(guarded.attempt({ wait: 30 })),
      guarded.decide("deny", "not\nthis one"),
    ]);
    assert.deepEqual(outcome.runs, []);
    const why = /delete_file did not run: REF-[\w-]+ was denied: \S+/;
    assert.match(outcome.raised ?? "", why);
    assert.doesNotMatch(outcome.raised ?? "", /\n/);
  });

  test("does not run a held tool that nobody decided about, and goes on when it is called again", async () => {
    await using guarded = await Guarded.start("requires_approval");
    const outcome = await run(guarded.attempt());
    assert.deepEqual(outcome.runs, []);
    assert.match(
      outcome.raised ?? "",
      /nobody has decided REF-[\w-]+ yet: http:\S+\/approvals\/apr_/,
    );
    await guarded.decide("approve");
    assert.deepEqual(await run(guarded.attempt()), {
      runs: [ARGUMENTS],
      returned: "done",
      raised: null,
      told: [],
    });
  });

  test("does not run when its key is not accepted", async () => {
    await using guarded = await Guarded.start("allowed");
    const outcome = await run(guarded.attempt({ key: "cs_live_" + "x".repeat(40) }));
    assert.deepEqual(outcome.runs, []);
    assert.match(outcome.raised ?? "", /invalid_credentials/);
  });

  test("does not run when Countersign is down", async () => {
    const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
    const { port } = listener.addr;
    listener.close();
    const outcome = await run(attemptAt(`http://127.0.0.1:${port}`));
    assert.deepEqual(outcome.runs, []);
    assert.notEqual(outcome.raised, null);
  });

  test("does not run when what answers authorizes nothing", async () => {
    await using stubs = new AsyncDisposableStack();
    const attempts = NO_AUTHORIZATIONS.map((answer) =>
      attemptAt(stubs.use(inItsPlace((request) => answer(new URL(request.url).pathname))).url)
    );
    for (const [i, outcome] of (await runAll(attempts)).entries()) {
      assert.deepEqual(outcome.runs, [], `${NO_AUTHORIZATIONS[i]}`);
      assert.notEqual(outcome.raised, null, `${NO_AUTHORIZATIONS[i]}`);
    }
  });

  test("does not take its key to where it is redirected", async () => {
    let followed = 0;
    await using elsewhere = inItsPlace(() => {
      followed++;
      return Response.json(CHECKED);
    });
    await using stubs = new AsyncDisposableStack();
    const attempts = [301, 302, 303, 307, 308].map((status) =>
      attemptAt(stubs.use(inItsPlace(() => Response.redirect(elsewhere.url, status))).url)
    );
    for (const outcome of await runAll(attempts)) {
      assert.deepEqual(outcome.runs, []);
      assert.notEqual(outcome.raised, null);
    }
    assert.equal(followed, 0);
  });

  test("does not run when its token was consumed elsewhere", async () => {
    await using guarded = await Guarded.start("allowed");
    await using thief = inItsPlace(async (request) => {
      if (request.url.endsWith("/consume")) {
        assert.equal((await passOn(request.clone(), guarded.url)).status, 200);
      }
      return await passOn(request, guarded.url);
    });
    const outcome = await run(guarded.attempt({ url: thief.url }));
    assert.deepEqual(outcome.runs, []);
    assert.match(outcome.raised ?? "", /token_used/);
  });

  test("logs a tool that throws as an error and throws the same", async () => {
    await using guarded = await Guarded.start("allowed");
    const outcome = await run(guarded.attempt({ tool: "throws" }));
    assert.equal(outcome.runs.length, 1);
    assert.match(outcome.raised ?? "", /the disk is full/);
    const [logged] = await guarded.activity("execution.logged");
    assert.equal(logged.data.execution_result, "error");
  });

  test("returns what the tool returned when the report is lost", async () => {
    await using guarded = await Guarded.start("allowed");
    await using lossy = inItsPlace((request) =>
      request.url.endsWith("/log")
        ? new Response("gone", { status: 502 })
        : passOn(request, guarded.url)
    );
    const outcome = await run(guarded.attempt({ url: lossy.url }));
    assert.deepEqual(outcome, { runs: [ARGUMENTS], returned: "done", raised: null, told: [] });
  });
}

Deno.test("guard() in TypeScript runs what was authorized when its caller changes the arguments meanwhile", async () => {
  await using guarded = await Guarded.start("allowed");
  const runs: JsonObject[] = [];
  const { url, key, call } = guarded.attempt();
  const pay = guard({ url, key }, "delete_file", (args: JsonObject) => runs.push(args), {
    wait: 0,
  });
  const args = { path: "notes.txt" };
  const running = pay(args, call);
  args.path = "/";
  await running;
  assert.deepEqual(runs, [{ path: "notes.txt" }]);
});
