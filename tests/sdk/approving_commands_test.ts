import assert from "node:assert/strict";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { eventful, receiptedEntries, receiptPath } from "../helpers/receipts.ts";
import { Terminal } from "./terminal.ts";

/** Commands that people decide about, and those that read and change what an organization has. */

async function decide(org: TestOrg, decision: "approve" | "deny", note?: string): Promise<void> {
  let id: string | undefined;
  while (id === undefined) {
    id = (await org.get("/v1/approvals?status=pending", org.approver)).body.data[0]?.id;
  }
  const body = { decision, decided_by: "ann@example.com", ...(note && { note }) };
  const got = await org.post(`/v1/approvals/${id}/decide`, body, org.approver);
  assert.equal(got.status, 200, got.text);
}

const exists = (path: string) => Deno.stat(path).then(() => true, () => false);

Deno.test("the command line asks, guards, opens, configures and proves", async (t) => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("read_file", { default_permission: "allowed" });
  await org.tool("delete_file", { default_permission: "requires_approval" });
  await org.tool("run_command", { default_permission: "allowed" });
  await org.tool("deploy", { default_permission: "requires_approval" });
  await org.tool("format_disk", { default_permission: "disabled" });
  await org.member("ann@example.com");
  await using terminal = await Terminal.at({
    ...Deno.env.toObject(),
    COUNTERSIGN_URL: countersign.origin,
    COUNTERSIGN_KEY: org.standard,
    COUNTERSIGN_SECRETS: "file",
  });
  const manager = { env: { COUNTERSIGN_KEY: org.management } };

  await t.step("ask", async () => {
    const asking = ["ask", "delete_file", "--reason", "tidying up", "--arguments", '{"path":"a"}'];
    const waiting = await terminal.run([...asking, "--wait", "0"]);
    assert.equal(waiting.code, 4);
    assert.match(waiting.err, /^REF-\S+ waits for a person: http:\S+\/approvals\/apr_\S+\n$/);
    const [approved] = await Promise.all([terminal.run(asking), decide(org, "approve")]);
    assert.equal(approved.code, 0, approved.err);
    assert.match(approved.out, /^status +approved$/m);
    const other = ["ask", "delete_file", "--reason", "tidying up", "--json"];
    const [denied] = await Promise.all([
      terminal.run(other),
      decide(org, "deny", "not \u001bthis"),
    ]);
    assert.equal(denied.code, 3);
    assert.equal(denied.json.status, "denied");
    assert.equal((await terminal.run(other)).code, 3);
    assert.equal((await terminal.run(["ask", "read_file", "--reason", "x"])).code, 0);
    assert.equal((await terminal.run(["ask", "format_disk", "--reason", "x"])).code, 3);
    assert.equal((await terminal.run(["ask", "read_file"])).code, 2);
  });

  await t.step("guard", async () => {
    const made = `${terminal.project}/made`;
    const guarded = (...words: string[]) => terminal.run(["guard", ...words]);
    const ran = await guarded("--reason", "a file is wanted", "--", "touch", made);
    assert.equal(ran.code, 0, ran.err);
    assert.ok(await exists(made));
    assert.equal((await guarded("--", "sh", "-c", "exit 7")).code, 7);
    assert.equal((await guarded("--", "sh", "-c", "kill -TERM $$")).code, 143);
    const { body } = await org.get("/v1/activity?type=execution.logged");
    assert.deepEqual(
      body.data.map((row: { data: { execution_result: string } }) => row.data.execution_result),
      ["failed", "failed", "success"],
    );
    // Consumed before it started, and not by the report.
    assert.ok(
      body.data.every(({ data }: { data: { binding?: string } }) => data.binding !== "unchecked"),
    );
    assert.equal((await org.get("/v1/activity?type=token.consumed")).body.data.length, 3);

    // None of these runs it.
    const never = `${terminal.project}/never`;
    const touching = ["--", "touch", never];
    assert.equal((await guarded("--tool", "format_disk", ...touching)).code, 3);
    const pending = await guarded("--tool", "deploy", "--wait", "0", ...touching);
    assert.equal(pending.code, 4);
    assert.match(pending.err, /did not run: REF-/);
    assert.equal((await guarded("--url", "http://127.0.0.1:1", ...touching)).code, 5);
    assert.equal((await guarded("--key", "cs_live_x", ...touching)).code, 1);
    assert.equal((await guarded("--toool", "run_command", ...touching)).code, 2);
    assert.equal((await guarded("--", "no-such-program")).code, 2);
    assert.equal((await guarded()).code, 2);
    assert.ok(!await exists(never));
    // A person's yes is for these words, in this folder.
    await decide(org, "approve");
    const elsewhere = await terminal.run(
      ["guard", "--tool", "deploy", "--wait", "0", ...touching],
      {
        changes: { cwd: terminal.home },
      },
    );
    assert.equal(elsewhere.code, 4);
    assert.ok(!await exists(never));
    assert.equal((await guarded("--tool", "deploy", "--wait", "0", ...touching)).code, 0);
    assert.ok(await exists(never));
  });

  await t.step("approve and deny open the page, and never decide", async () => {
    const body = { tool_name: "delete_file", arguments: { path: "b" }, reason: "tidying up" };
    const { reference, id } = (await org.post("/v1/approvals", body)).body;
    const opened: string[][] = [];
    const sitting = {
      answers: [],
      changes: {
        run: (program: string, args: readonly string[]) => {
          opened.push([program, ...args]);
          return Promise.resolve({ code: 0, out: "" });
        },
      },
    };
    const page = `${countersign.origin}/approvals/${id}`;
    const said = await terminal.run(["approve", reference], sitting);
    assert.equal(said.code, 4);
    await terminal.run(["deny", reference], sitting);
    assert.deepEqual(opened, [["xdg-open", page], ["xdg-open", `${page}/deny`]]);
    // Where nobody sits, or it is asked so, the address is printed.
    const printed = await terminal.run(["approve", reference, "--print"], sitting);
    assert.ok(printed.err.includes(page));
    await terminal.run(["approve", reference], { changes: sitting.changes });
    assert.equal(opened.length, 2);
    const [approved] = await Promise.all([
      terminal.run(["approve", reference, "--wait", "60", "--json"]),
      decide(org, "approve"),
    ]);
    assert.equal(approved.code, 0);
    assert.equal(approved.json.status, "approved");
    assert.equal((await terminal.run(["approve", "REF-00000000-0000"])).code, 1);
  });

  await t.step("a page elsewhere is not opened", async () => {
    const { id } = (await org.get("/v1/approvals?limit=1")).body.data[0];
    const approval = (await org.get(`/v1/approvals/${id}`)).body;
    const elsewhere = { ...approval, status: "pending", review_url: "https://evil.example/x" };
    const { code } = await terminal.run(["approve", id], {
      answers: [],
      changes: {
        fetch: () => Promise.resolve(Response.json(elsewhere)),
        run: () => assert.fail("it was opened"),
      },
    });
    assert.equal(code, 4);
  });

  await t.step("policy and apply", async () => {
    const pulled = await terminal.run(["policy", "pull", "--out", "policy.json"], manager);
    assert.equal(pulled.code, 0, pulled.err);
    const path = `${terminal.project}/policy.json`;
    assert.equal((await terminal.run(["policy", "diff", "policy.json"], manager)).code, 0);
    const policy = JSON.parse(await Deno.readTextFile(path));
    policy.categories = [{ name: "files", default_permission: "disabled" }];
    policy.tools = policy.tools.filter(({ name }: { name: string }) => name !== "read_file");
    await Deno.writeTextFile(path, JSON.stringify(policy));
    const differs = await terminal.run(["policy", "diff", "policy.json"], manager);
    assert.equal(differs.code, 1);
    assert.equal(
      differs.out,
      '+ categories {"name":"files"}\n- tools {"name":"read_file"}\n',
    );
    const dry = await terminal.run(["apply", "policy.json", "--dry-run", "--json"], manager);
    assert.equal(dry.json.dry_run, true);
    // Nobody said yes: not here, and not where nobody sits.
    assert.equal((await terminal.run(["apply", "policy.json"], manager)).code, 2);
    const no = await terminal.run(["apply", "policy.json"], { ...manager, answers: ["n"] });
    assert.equal(no.code, 1);
    assert.equal((await terminal.run(["check", "read_file"])).code, 0);
    const yes = await terminal.run(["apply", "policy.json"], { ...manager, answers: ["y"] });
    assert.equal(yes.code, 0, yes.err);
    assert.match(yes.out, /^- tools \{"name":"read_file"\}\nApplied as version \d+$/m);
    assert.equal((await terminal.run(["check", "read_file"])).code, 3);
    // What somebody else changed meanwhile is not put back.
    const late = await terminal.run(["apply", "policy.json", "--yes"], manager);
    assert.equal(late.code, 1);
    assert.match(late.err, /made from version \d+, and it is \d+ now/);
    assert.equal((await terminal.run(["apply", "policy.json", "--yes"])).code, 1);
    assert.equal((await terminal.run(["apply", "nowhere.json"], manager)).code, 1);
  });

  await t.step("mandates", async () => {
    await Deno.writeTextFile(
      `${terminal.project}/mandate.json`,
      JSON.stringify({
        user_id: "u-1",
        agent: "shop-assistant",
        scopes: [{ tool: "delete_file", decision: "allow" }],
        expires_at: new Date(countersign.clock.now + 3_600_000).toISOString(),
      }),
    );
    const granted = await terminal.run(["mandate", "grant", "mandate.json", "--json"], manager);
    assert.equal(granted.code, 0, granted.out);
    const { id } = granted.json;
    const listed = await terminal.run(["mandate", "list", "--user", "u-1"], manager);
    assert.ok(listed.out.includes(id));
    assert.match((await terminal.run(["mandate", "get", id], manager)).out, /^state +active$/m);
    const revoked = await terminal.run(["mandate", "revoke", id, "--by", "user"], manager);
    assert.match(revoked.out, /^state +revoked$/m);
    assert.equal((await terminal.run(["mandate", "revoke", id], manager)).code, 2);
    assert.equal((await terminal.run(["mandate", "get", "mdt_x/../y"], manager)).code, 1);
  });

  await t.step("receipts are verified by it, and offline", async () => {
    const { decision_id } = (await org.post("/v1/permissions/check", { tool_name: "deploy" })).body;
    const got = await terminal.run(["receipts", "get", decision_id, "--out", "receipt.json"]);
    assert.equal(got.code, 0, got.err);
    const offline = { changes: { fetch: () => assert.fail("it asked somebody") } };
    const own = await terminal.run(["verify", "receipt.json"], offline);
    assert.equal(own.code, 0, own.err);
    assert.match(own.out, /nobody says whose/);
    const keys = await org.get(`/.well-known/countersign/keys/${org.id}`);
    await Deno.writeTextFile(`${terminal.project}/keys.json`, keys.text);
    const words = ["verify", "receipt.json", "--keys", "keys.json", "--json"];
    assert.equal((await terminal.run(words, offline)).json.trusted, true);
    await Deno.writeTextFile(`${terminal.project}/keys.json`, '{"keys":[]}');
    assert.equal((await terminal.run(words, offline)).code, 1);
    const path = `${terminal.project}/receipt.json`;
    const forged = (await Deno.readTextFile(path)).replace('"deploy"', '"delay"');
    await Deno.writeTextFile(path, forged);
    const { code, json } = await terminal.run(["verify", "receipt.json", "--json"], offline);
    assert.equal(code, 1);
    assert.equal(json.error.code, "not_genuine");
  });

  await t.step("signed receipts are verified by keys that were kept", async () => {
    const shop = await eventful(countersign);
    const keyed = { env: { COUNTERSIGN_KEY: shop.standard } };
    const [row] = await receiptedEntries(countersign, shop);
    const id = receiptPath(row?.entry ?? assert.fail("none")).replace("/v1/receipts/", "");
    const got = await terminal.run(["receipts", "get", id, "--out", "signed.json"], keyed);
    assert.equal(got.code, 0, got.err);
    const offline = { changes: { fetch: () => assert.fail("it asked somebody") } };
    const without = await terminal.run(["verify", "signed.json"], offline);
    assert.equal(without.code, 2);
    assert.match(
      without.err,
      /brings no key\. Keep what \/\.well-known\/countersign\/receipt-keys\/org_/,
    );
    const keys = await org.get(`/.well-known/countersign/receipt-keys/${shop.id}`);
    await Deno.writeTextFile(`${terminal.project}/keys.json`, keys.text);
    const words = ["verify", "signed.json", "--keys", "keys.json", "--json"];
    const { code, json } = await terminal.run(words, offline);
    assert.deepEqual([code, json.kind, json.trusted], [0, "signed", true]);
    const path = `${terminal.project}/signed.json`;
    const forged = JSON.parse(await Deno.readTextFile(path));
    const part = forged.receipt ?? forged;
    part.signature = part.signature.replace(/^./, (first: string) => first === "A" ? "B" : "A");
    await Deno.writeTextFile(path, JSON.stringify(forged));
    assert.equal((await terminal.run(words, offline)).code, 1);
  });

  await t.step("logs, and those that come", async () => {
    const { code, out } = await terminal.run(["logs", "--limit", "2", "--json"]);
    assert.equal(code, 0);
    const rows = out.trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.equal(rows.length, 2);
    assert.ok(rows[0].index < rows[1].index);
    // Each time it looks there is one more, and in the end its key is not taken.
    let looks = 0;
    const followed = await terminal.run([
      "logs",
      "-f",
      "--limit",
      "1",
      "--type",
      "permission.checked",
    ], {
      changes: {
        after: (milliseconds, then) => {
          if (milliseconds === 2000) {
            void org.post("/v1/permissions/check", { tool_name: `made_${++looks}` }).then(then);
          }
          // Pauses between tries pass at once; limits do not.
          const timer = milliseconds < 2000 ? setTimeout(then, 0) : undefined;
          return () => clearTimeout(timer);
        },
        fetch: (input, init) => {
          if (looks === 2) return Promise.reject(new TypeError("connection refused"));
          const headers = new Headers(init?.headers);
          if (looks === 4) headers.set("authorization", "Bearer cs_live_x");
          return fetch(input, { ...init, headers });
        },
      },
    });
    assert.equal(followed.code, 1);
    assert.match(followed.err, /does not answer[^]*invalid_credentials/);
    const names = [...followed.out.matchAll(/tool=made_(\d)/g)].map(([, number]) => number);
    assert.deepEqual(names, ["1", "2", "3"]);
  });
});
