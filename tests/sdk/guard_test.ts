import assert from "node:assert/strict";
import {
  Countersign as Client,
  CountersignError,
  NotRun,
} from "../../clients/typescript/src/mod.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";

/** Guarded tools against the real service: what runs, how often, and what is logged of it. */

type Args = { readonly path: string };

interface Guarded {
  readonly runs: Args[];
  readonly told: string[];
  readonly call: (wait?: number) => Promise<string>;
}

function guarded(url: string, key: string, run: (args: Args) => string = () => "done"): Guarded {
  const runs: Args[] = [];
  const told: string[] = [];
  const client = new Client({ url, key });
  const tool = client.guard<Args, string>({
    tool_name: "delete_file",
    run: (args) => {
      runs.push(args);
      return run(args);
    },
    facts: () => ({ resource_id: "disk-1" }),
    onPending: ({ review_url }) => told.push(review_url),
    cost: () => 7,
  });
  const call = (wait = 0) => tool({ path: "notes.txt" }, { reason: "tidying up", wait });
  return { runs, told, call };
}

async function withOrg(
  default_permission: string,
  test: (org: TestOrg, url: string) => Promise<void>,
): Promise<void> {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("delete_file", { default_permission });
  await org.member("ann@example.com");
  await test(org, `http://127.0.0.1:${countersign.server.addr.port}`);
}

async function activity(org: TestOrg, type: string) {
  return (await org.get(`/v1/activity?type=${type}`, org.standard)).body.data;
}

async function decide(org: TestOrg, decision: "approve" | "deny", note?: string): Promise<void> {
  let id: string | undefined;
  while (id === undefined) {
    id = (await org.get("/v1/approvals?status=pending", org.approver)).body.data[0]?.id;
  }
  const body = { decision, decided_by: "ann@example.com", ...(note && { note }) };
  const got = await org.post(`/v1/approvals/${id}/decide`, body, org.approver);
  assert.equal(got.status, 200, got.text);
}

Deno.test("a guarded tool that is allowed runs once, and its run is logged with its cost", async () => {
  await withOrg("allowed", async (org, url) => {
    const { runs, call } = guarded(url, org.standard);
    assert.equal(await call(), "done");
    assert.deepEqual(runs, [{ path: "notes.txt" }]);
    const [logged, ...more] = await activity(org, "execution.logged");
    assert.equal(more.length, 0);
    assert.equal(logged.data.execution_result, "success");
    assert.equal(logged.data.cost_micros, 7);
    assert.equal(logged.subject.resource, "disk-1");
  });
});

Deno.test("a guarded tool that is held is told of, and runs after its approval", async () => {
  await withOrg("requires_approval", async (org, url) => {
    const { runs, told, call } = guarded(url, org.standard);
    const [result] = await Promise.all([call(30), decide(org, "approve")]);
    assert.equal(result, "done");
    assert.equal(runs.length, 1);
    assert.equal(told.length, 1);
    assert.match(told[0] ?? "", /\/approvals\/apr_/);
  });
});

Deno.test("a guarded tool that is denied does not run, and says by which request, in one line", async () => {
  await withOrg("requires_approval", async (org, url) => {
    const { runs, call } = guarded(url, org.standard);
    const [error] = await Promise.all([
      call(30).catch((error) => error),
      decide(org, "deny", "not\nthis one"),
    ]);
    assert.ok(error instanceof NotRun);
    assert.equal(error.code, "denied");
    assert.match(error.reference ?? "", /^REF-/);
    assert.match(error.message, /^delete_file did not run: REF-\S+ was denied: \S.*$/);
    assert.deepEqual(runs, []);
  });
});

Deno.test("a guarded tool that nobody decided about goes on when it is called again", async () => {
  await withOrg("requires_approval", async (org, url) => {
    const { runs, call } = guarded(url, org.standard);
    await assert.rejects(call(), { name: "NotRun", code: "pending" });
    await decide(org, "approve");
    assert.equal(await call(), "done");
    assert.equal(runs.length, 1);
  });
});

Deno.test("a guarded tool does not run with a wrong key, and the key is in no message", async () => {
  await withOrg("allowed", async (_, url) => {
    const key = `cs_live_${"x".repeat(40)}`;
    const { runs, call } = guarded(url, key);
    const error = await call().catch((error) => error);
    assert.equal(error.code, "invalid_credentials");
    assert.ok(!`${error.stack} ${error.cause?.stack}`.includes(key));
    assert.deepEqual(runs, []);
  });
});

Deno.test("a guarded tool that throws is logged as an error, without why, and throws the same", async () => {
  await withOrg("allowed", async (org, url) => {
    const { call } = guarded(url, org.standard, () => {
      throw new Error("the disk of card 4242 is full");
    });
    await assert.rejects(call(), /the disk of card 4242 is full/);
    const [logged] = await activity(org, "execution.logged");
    assert.equal(logged.data.execution_result, "error");
    assert.equal(logged.data.error, undefined);
  });
});

Deno.test("what a guarded tool is run with is what was asked, whoever changes it meanwhile", async () => {
  await withOrg("allowed", async (org, url) => {
    const args = { path: "notes.txt" };
    const ran: Args[] = [];
    const client = new Client({ url, key: org.standard });
    const tool = client.guard<Args, void>({
      tool_name: "delete_file",
      run: (args) => void ran.push(args),
    });
    const running = tool(args, { reason: "tidying up" });
    args.path = "/etc/passwd";
    await running;
    assert.deepEqual(ran, [{ path: "notes.txt" }]);
  });
});

Deno.test("a guarded tool does not run once its token was consumed elsewhere", async () => {
  await withOrg("allowed", async (org, url) => {
    const thief = new Client({
      url,
      key: org.standard,
      fetch: async (input, init) => {
        if (String(input).endsWith("/consume")) {
          const headers = new Headers(init?.headers);
          headers.delete("idempotency-key");
          const stolen = await fetch(input, { ...init, headers });
          assert.equal(stolen.status, 200, await stolen.text());
        }
        return await fetch(input, init);
      },
    });
    const runs: unknown[] = [];
    const tool = thief.guard<Args, void>({
      tool_name: "delete_file",
      run: (args) => void runs.push(args),
    });
    const error = await tool({ path: "notes.txt" }).catch((error) => error);
    assert.ok(error instanceof CountersignError);
    assert.equal(error.code, "token_used");
    assert.deepEqual(runs, []);
  });
});

Deno.test("a client takes no address where its key could be read, and no key with a line in it", () => {
  const url = "https://countersign.example";
  for (const wrong of ["http://countersign.example", "ftp://x.example", "https://a:b@x.example"]) {
    assert.throws(() => new Client({ url: wrong, key: "k" }), TypeError, wrong);
  }
  for (const key of ["", "a b", "a\nb", "ä"]) {
    assert.throws(() => new Client({ url, key }), TypeError);
  }
  for (const own of ["http://localhost:8000", "http://127.0.0.1:1", "http://[::1]:1", url]) {
    new Client({ url: own, key: "k" });
  }
  new Client({ url: "http://countersign.internal", key: "k", insecure: true });
});
