import assert from "node:assert/strict";
import { listedTool, notSent, ScriptedUpstreams } from "../helpers/scripted_upstreams.ts";
import { CallOrg, WIPE } from "../helpers/call_org.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { rowsOf } from "../helpers/page_html.ts";
import { HOSTILE, Visitor } from "../helpers/visitor.ts";
import { nameFor } from "../../routes/pages/upstreams/list.tsx";

const URL = "https://mcp.notes.example.com/mcp";

const PATH = "/upstreams/example";

const STANDS = { annotations_acknowledged: "on", default_permission: "requires_approval" };

/** An org whose owner looks at upstreams that do what the test says. */
class Pages implements AsyncDisposable {
  private constructor(
    readonly countersign: Countersign,
    readonly org: TestOrg,
    readonly upstreams: ScriptedUpstreams,
    readonly owner: Visitor,
  ) {}

  static async start(...tools: string[]): Promise<Pages> {
    const upstreams = new ScriptedUpstreams();
    upstreams.tools = tools.map((name) => listedTool(name, { description: `Does ${name}.` }));
    const countersign = await Countersign.start({ deps: { upstreams } });
    const org = await countersign.org();
    return new Pages(countersign, org, upstreams, await Visitor.of(org, "owner", { fresh: true }));
  }

  async add(): Promise<void> {
    const added = await this.owner.send("/upstreams", "add", { url: URL, name: "example" });
    assert.equal(added.to, PATH, added.text);
  }

  /** What the boxes of the drafts send, by the names of the tools. */
  async ticks(visitor = this.owner): Promise<Map<string, string>> {
    const { html } = await visitor.get(`${PATH}?view=drafts`);
    const values = [...html.matchAll(/name="tools" value="([^"]*)"/g)].map(([, value = ""]) =>
      value
    );
    return new Map(values.map((value) => [value.split("/")[1] ?? "", value]));
  }

  async status(tool: string): Promise<string> {
    return (await this.org.get(`/v1/tools/example/${tool}`)).body.status;
  }

  async digest(tool: string): Promise<string> {
    return (await this.org.get(`/v1/tools/example/${tool}`)).body.upstream.definition_digest;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.countersign[Symbol.asyncDispose]();
  }
}

Deno.test("a server is added by its URL alone, and what it offers waits as drafts", async () => {
  await using pages = await Pages.start("read", "write");
  const { owner } = pages;
  const added = await owner.send("/upstreams", "add", { url: URL, name: "" });
  assert.equal(added.to, PATH);
  const { text, html } = await owner.get(PATH);
  assert.match(text, /2 drafts/);
  assert.match(text, /mcp\.notes\.example\.com/);
  assert.match(html, /href="\/upstreams\/example\/tools\/write"/);
  assert.match(rowsOf((await owner.get("/upstreams")).html)[1] ?? "", /example.*2 drafts.*0 of 2/s);
  const again = await owner.send("/upstreams", "add", { url: URL, name: "" });
  assert.match(again.text, /is here already, as example/);
});

Deno.test("the name of an upstream comes of its host", () => {
  const none = new Set<string>();
  for (
    const [url, name] of [
      ["https://mcp.linear.app/mcp", "linear"],
      ["https://api.githubcopilot.com/mcp/", "githubcopilot"],
      ["https://mcp.example.co.uk/", "example"],
      ["http://127.0.0.1:8000/mcp", "server"],
      ["http://localhost:8000/mcp", "localhost"],
      ["https://mcp.com/", "server"],
      [`https://${"a".repeat(60)}.example.com/`, "a".repeat(32)],
    ] as const
  ) assert.equal(nameFor(url, none), name);
  assert.equal(nameFor("https://mcp.linear.app/mcp", new Set(["linear", "linear-2"])), "linear-3");
});

Deno.test("ticked drafts are approved together, with what the owner says of them", async () => {
  await using pages = await Pages.start("read", "list", "write");
  await pages.add();
  const { owner } = pages;
  const ticks = await pages.ticks();
  const tools = ["read", "list"].map((name) => ticks.get(name) ?? "");
  const unsaid = await owner.send(PATH, "approve", { tools, default_permission: "allowed" });
  assert.match(unsaid.text, /whoever approves stands for the four/);
  assert.match(unsaid.html, /aria-label="Tick read" checked/);
  assert.equal(await pages.status("read"), "draft");
  const done = await owner.send(PATH, "approve", {
    tools,
    ...STANDS,
    annotations: ["read_only", "idempotent"],
  });
  assert.equal(done.notice, "2 tools are approved.");
  const { body } = await pages.org.get("/v1/tools/example/read");
  assert.deepEqual(body.annotations, {
    read_only: true,
    destructive: false,
    idempotent: true,
    open_world: false,
  });
  assert.deepEqual([body.status, await pages.status("write")], ["approved", "draft"]);
  assert.match((await owner.get(PATH)).text, /Changed|Drafts 1/);
});

Deno.test("what was not read is not approved, by many or alone", async () => {
  await using pages = await Pages.start("read");
  await pages.add();
  const tools = [(await pages.ticks()).get("read") ?? ""];
  const digest = await pages.digest("read");
  pages.upstreams.tools = [listedTool("read", { description: "Reads, and mails it." })];
  await pages.owner.send(PATH, "refresh");
  for (
    const sent of [
      await pages.owner.send(PATH, "approve", { tools, ...STANDS }),
      await pages.owner.send(`${PATH}/tools/read`, "approve", { digest, ...STANDS }),
      await pages.owner.send(`${PATH}/tools/read`, "disable", { digest }),
    ]
  ) assert.equal(sent.to, null, sent.notice ?? "");
  assert.equal(await pages.status("read"), "draft");
});

Deno.test("a changed definition is shown as a difference, and one tap approves the new form", async () => {
  await using pages = await Pages.start("read");
  await pages.add();
  const { owner, upstreams } = pages;
  const tools = [...(await pages.ticks()).values()];
  await owner.send(PATH, "approve", { tools, ...STANDS, annotations: ["read_only"] });
  upstreams.tools = [listedTool("read", { description: `Does read.\n${HOSTILE.markup}\u200b` })];
  assert.equal((await owner.send(PATH, "refresh")).notice, "Tools: 1 changed.");
  const list = await owner.get(PATH);
  assert.match(list.text, /1 tool changed/);
  assert.doesNotMatch(list.html, /name="tools"/);
  const page = await owner.get(`${PATH}/tools/read`);
  assert.match(page.text, /defines this tool in another way than you approved/);
  assert.match(page.html, /diff-same[^>]*>Does read\./);
  assert.match(page.html, /diff-added.*&lt;img src=x.*⟨U\+200B /s);
  assert.ok(!page.html.includes(HOSTILE.markup));
  assert.match(page.text, /inputSchema Not changed/);
  const digest = await pages.digest("read");
  const done = await owner.send(`${PATH}/tools/read`, "approve_again", { digest });
  assert.equal(done.notice, "example/read is approved.");
  const { body } = await pages.org.get("/v1/tools/example/read");
  assert.deepEqual([body.status, body.annotations.read_only], ["approved", true]);
  const tool = await owner.get("/tools/example/read");
  assert.match(tool.html, /href="\/upstreams\/example\/tools\/read"/);
});

Deno.test("a change of white space alone is shown as such, and asked about all the same", async () => {
  await using pages = await Pages.start("read");
  await pages.add();
  const { owner, upstreams } = pages;
  await owner.send(PATH, "approve", { tools: [...(await pages.ticks()).values()], ...STANDS });
  upstreams.tools = [listedTool("read", { description: "Does\n  read." })];
  await owner.send(PATH, "refresh");
  assert.equal(await pages.status("read"), "draft");
  const { text } = await owner.get(`${PATH}/tools/read`);
  assert.match(text, /Only white space of this tool changed.*Approve the new form/);
});

Deno.test("a changed tool is not approved by the form that shows no difference", async () => {
  await using pages = await Pages.start("read");
  await pages.add();
  const { owner, upstreams } = pages;
  await owner.send(PATH, "approve", { tools: [...(await pages.ticks()).values()], ...STANDS });
  upstreams.tools = [listedTool("read", { description: "Reads, and mails it." })];
  await owner.send(PATH, "refresh");
  const edit = await owner.get("/tools/example/read?view=edit");
  assert.match(edit.text, /Its server has changed it.*See what changed/);
  assert.match(edit.html, /href="\/upstreams\/example\/tools\/read"/);
  assert.doesNotMatch(edit.html, /name="digest"/);
  const seen = /name="seen" value="(\d+)"/.exec(edit.html)?.[1] ?? "";
  const fields = {
    seen,
    description: "Reads, and mails it.",
    tags: "",
    risk_level: "low",
    default_permission: "allowed",
    annotations_acknowledged: "on",
    required_tier: "0",
    methods: "",
    status: "approved",
  };
  const sent = await owner.send("/tools/example/read?view=edit", "change", fields);
  assert.equal(sent.to, null);
  assert.match(sent.text, /defined in another way/);
  assert.equal(await pages.status("read"), "draft");
});

Deno.test("a tool that was moved and then changed is compared with what was approved last", async () => {
  await using pages = await Pages.start("read");
  await pages.add();
  const { owner, org, upstreams } = pages;
  const define = async (description: string) => {
    upstreams.tools = [listedTool("read", { description })];
    await owner.send(PATH, "refresh");
  };
  const approve = async () => {
    const digest = await pages.digest("read");
    const sent = await owner.send(`${PATH}/tools/read`, "approve_again", { digest });
    assert.equal(sent.notice, "example/read is approved.");
  };
  await approve();
  await define("The second form.");
  await approve();
  await org.manage("PUT", PATH.replace("/", "/v1/"), { kind: "mcp", url: `${URL}/v2` });
  const moved = await owner.get(`${PATH}/tools/read`);
  assert.match(moved.text, /somewhere else than when you approved/);
  await define("The third form.");
  const { html } = await owner.get(`${PATH}/tools/read`);
  assert.match(html, /diff-removed.*second.*diff-added.*third/s);
  assert.doesNotMatch(html, /Does read/);
});

Deno.test("whoever adds, approves or lets an upstream go on shows a passkey; whoever pauses does not", async () => {
  await using pages = await Pages.start("read");
  await pages.add();
  const tired = await Visitor.of(pages.org, "admin", { email: "admin@example.com", fresh: false });
  const tools = [...(await pages.ticks(tired)).values()];
  const asked = /Confirm it is you/;
  const url = "https://other.example.com/mcp";
  assert.match((await tired.send("/upstreams", "add", { url, name: "" })).text, asked);
  assert.match((await tired.send(PATH, "approve", { tools, ...STANDS })).text, asked);
  const seen = async () =>
    /name="seen" value="(\d+)"/.exec((await tired.get(PATH)).html)?.[1] ?? "";
  const paused = await tired.send(PATH, "pause", { seen: await seen() });
  assert.equal(paused.notice, "example is paused: nothing of it runs.");
  assert.match((await tired.send(PATH, "resume", { seen: await seen() })).text, asked);
  const stale = await pages.owner.send(PATH, "resume", { seen: "1" });
  assert.match(stale.text, /Somebody changed it while this form was open/);
  const resumed = await pages.owner.send(PATH, "resume", { seen: await seen() });
  assert.equal(resumed.notice, "example goes on.");
});

Deno.test("limits are changed by themselves; another address or header closes its tools and asks for a passkey", async () => {
  await using pages = await Pages.start("read");
  await pages.add();
  const { owner, org } = pages;
  await owner.send(PATH, "approve", { tools: [...(await pages.ticks()).values()], ...STANDS });
  const edit = `${PATH}/edit`;
  assert.match((await owner.get(PATH)).html, /href="\/upstreams\/example\/edit"/);
  const seen = async () =>
    /name="seen" value="(\d+)"/.exec((await owner.get(edit)).html)?.[1] ?? "";
  const fields = { url: URL, headers: "", timeout_seconds: "20", max_result_bytes: "65536" };
  const tired = await Visitor.of(org, "admin", { email: "tired@example.com", fresh: false });
  const limits = await tired.send(edit, "change", { ...fields, seen: await seen() });
  assert.equal(limits.notice, "Saved.", limits.text);
  assert.match((await owner.get(PATH)).text, /20 s a call, 64 KiB a result/);
  assert.equal(await pages.status("read"), "approved");

  const stale = await owner.send(edit, "change", { ...fields, seen: "1" });
  assert.match(stale.text, /Somebody changed it while this form was open/);
  for (
    const [headers, said] of [
      ["nothing", /nothing: must be a name, a colon and a value/],
      ["x-a: 1\nX-A: 2", /x-a is there twice/],
      ["authorization: Bearer abc", /authorization is a header that is not set here/],
      ["x-key: sk_live_4eC39HqLyjWDarjtT1zdp7dc", /x-key looks like a secret/],
    ] as const
  ) {
    const sent = await owner.send(edit, "change", { ...fields, headers, seen: await seen() });
    assert.match(sent.text, said);
  }
  const moved = { ...fields, headers: "X-Region: eu", seen: await seen() };
  assert.match((await tired.send(edit, "change", moved)).text, /Confirm it is you/);
  assert.equal(await pages.status("read"), "approved");
  const done = await owner.send(edit, "change", moved);
  assert.equal(done.notice, "example is another server now: its tools wait to be approved again.");
  assert.equal(await pages.status("read"), "draft");
  assert.deepEqual(pages.upstreams.targets.at(-1)?.headers, { "x-region": "eu" });
  const { body } = await org.manage("GET", "/v1/upstreams/example");
  assert.deepEqual([body.timeout_seconds, body.max_result_bytes], [20, 65536]);
});

Deno.test("an upstream that does not answer says why, and what to do", async () => {
  await using pages = await Pages.start("read");
  const says = "It answered 401.";
  pages.upstreams.notListed = { ...notSent("unauthorized", says), is: "not_listed" };
  await pages.add();
  const { text } = await pages.owner.get(PATH);
  assert.match(
    text,
    /couldn't be asked what it offers It answered 401\..*Put a credential for it into the vault/,
  );
  pages.upstreams.notListed = null;
  assert.equal((await pages.owner.send(PATH, "refresh")).notice, "Tools: 1 new.");
  assert.doesNotMatch((await pages.owner.get(PATH)).text, /couldn't be asked/);
  const removed = await pages.owner.send(PATH, "remove");
  assert.equal(removed.to, "/upstreams");
  assert.equal((await pages.owner.get(PATH)).status, 404);
});

Deno.test("approvers read upstreams and their tools, and change nothing", async () => {
  await using pages = await Pages.start("read");
  await pages.add();
  const approver = await Visitor.of(pages.org, "approver", { email: "a@example.com", fresh: true });
  assert.equal((await approver.get(`${PATH}/edit`)).status, 403);
  for (const path of ["/upstreams", PATH, `${PATH}/tools/read`]) {
    const { status, html } = await approver.get(path);
    assert.equal(status, 200);
    assert.doesNotMatch(html, /name="do" value="(?!sign_out|switch_org)/);
  }
  const tools = [...(await pages.ticks()).values()];
  const sent = await approver.send(PATH, "approve", { tools, ...STANDS });
  assert.equal(sent.status, 403);
  assert.equal((await approver.send(PATH, "refresh")).status, 403);
});

Deno.test("who decides a call sees where it runs, and since when the tool is defined so", async () => {
  await using calls = await CallOrg.start();
  const { org } = calls;
  const { body } = await calls.call(WIPE, { reason: "It is asked for." });
  const approver = await Visitor.of(org, "approver", { email: "bea@example.com" });
  const path = `/approvals/${body.approval.id}`;
  const { text, html } = await approver.get(path);
  assert.match(text, /Runs at notes\.example\.com Upstream notes , defined so since \d+ \w+/);
  assert.match(html, /href="\/upstreams\/notes"/);
  // Somewhere else it is another tool: what was asked for is over.
  await calls.put({ url: "https://elsewhere.example.com/mcp" });
  assert.equal((await org.get(`/v1${path}`, org.approver)).body.status, "cancelled");
});
