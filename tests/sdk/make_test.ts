import assert from "node:assert/strict";
import { Countersign } from "../helpers/countersign.ts";
import { projectText } from "../helpers/project_files.ts";

/**
 * The modules of a scenario in Make, played as the page prints them: what is in braces is mapped, a
 * status of 400 or more is an error that ends the run, and so does a filter that does not hold.
 */

interface Module {
  readonly number: string;
  readonly filter: string | null;
  readonly url: string;
  readonly body: unknown;
}

async function printedModules(): Promise<Module[]> {
  const page = await projectText("docs/frameworks/make.md");
  const blocks = [...page.matchAll(/^```http\n([^]*?)^```$/gm)].map(([, block = ""]) => block);
  return blocks.map((block) => {
    const [head = "", line = "", , ...body] = block.split("\n");
    const [, number = ""] = /^# (\d+)\./.exec(head) ?? [];
    const [, filter = null] = /Filter: (.+)$/.exec(head) ?? [];
    const [, url = ""] = /^POST (\S+)$/.exec(line) ?? [];
    return { number, filter, url, body: JSON.parse(body.join("\n")) };
  });
}

type Bundles = Record<string, unknown>;

const found = (bundles: Bundles, path: string): unknown =>
  path.split(".").reduce(
    (value: unknown, name) => (value as Record<string, unknown> | undefined)?.[name],
    bundles,
  );

/** A value alone stays what it is; within a text it is text. */
function mapped(value: unknown, bundles: Bundles): unknown {
  if (typeof value === "string") {
    const [, alone] = /^{{([^}]+)}}$/.exec(value) ?? [];
    if (alone !== undefined) return found(bundles, alone);
    return value.replace(/{{([^}]+)}}/g, (_, path) => String(found(bundles, path)));
  }
  if (Array.isArray(value)) return value.map((one) => mapped(one, bundles));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, mapped(one, bundles)]),
  );
}

function holds(filter: string | null, bundles: Bundles): boolean {
  if (filter === null) return true;
  const [, left = "", right] = /^(\S+) (?:exists|= (\S+))$/.exec(filter) ?? assert.fail(filter);
  const value = found(bundles, left);
  return value !== undefined && (right === undefined || value === found(bundles, right));
}

interface Run {
  readonly url: string;
  readonly key: string;
  readonly item: Readonly<Record<string, unknown>>;
  /** The item that module 3 and the guarded one get, where it was changed on its way. */
  readonly later?: Readonly<Record<string, unknown>>;
  readonly token?: string;
}

/** Plays a scenario; what its guarded module ran with, and the bundles. */
async function played({ url, key, item, later = item, token }: Run) {
  const bundles: Bundles = { url, key, "1": item };
  const ran: unknown[] = [];
  for (const { number, filter, url, body } of await printedModules()) {
    if (number === "3") bundles["1"] = later;
    if (number === "5") ran.push(bundles["1"]);
    const answer = await fetch(String(mapped(url, bundles)), {
      method: "POST",
      redirect: "manual",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify(mapped(body, bundles)),
    }).catch(() => null);
    if (answer === null) break;
    const text = await answer.text();
    if (!answer.ok) return { ran, bundles, error: text };
    let data: unknown;
    try {
      data = JSON.parse(text);
    } catch {
      return { ran, bundles, error: text };
    }
    bundles[number] = { statusCode: answer.status, data };
    if (number === "2" && token !== undefined) bundles["2"] = { data: { token, token_id: "" } };
    if (!holds(filter, bundles)) break;
  }
  return { ran, bundles, error: null };
}

const ITEM = { order_id: "order-17", amount: 5 };

Deno.test("a scenario of Make runs its guarded module once, and only where Countersign let it", async (t) => {
  await using countersign = await Countersign.start();
  const { origin: url } = countersign;

  async function world(default_permission: "allowed" | "disabled" | "requires_approval") {
    const org = await countersign.org();
    await org.tool("refund_order", { default_permission });
    await org.member("ann@example.com");
    return { org, run: { url, key: await org.agent(), item: ITEM } };
  }

  await t.step("allowed, and reported", async () => {
    const { org, run } = await world("allowed");
    const { ran, bundles } = await played(run);
    assert.deepEqual(ran, [ITEM]);
    const { body } = await org.get("/v1/activity?type=execution.logged", org.standard);
    assert.equal(body.data.length, 1);
    // The token of a run that is over, played back.
    const used = String(found(bundles, "2.data.token"));
    const again = await played({ ...run, token: used });
    assert.deepEqual(again.ran, []);
    assert.match(again.error ?? "", /token_used/);
  });

  await t.step("denied", async () => {
    const { run } = await world("disabled");
    assert.deepEqual((await played(run)).ran, []);
  });

  await t.step("approved while it is held, and by the second scenario afterwards", async () => {
    const { org, run } = await world("requires_approval");
    const decided = async (decision: string) => {
      for (;;) {
        const { body: { data: [request] } } = await org.get(
          "/v1/approvals?status=pending",
          org.approver,
        );
        if (request === undefined) continue;
        const body = { decision, decided_by: "ann@example.com" };
        await org.post(`/v1/approvals/${request.id}/decide`, body, org.approver);
        return request.reference;
      }
    };
    const [held] = await Promise.all([played(run), decided("approve")]);
    assert.deepEqual(held.ran, [ITEM]);

    // Asked beforehand, and approved while nobody held on.
    for (const amount of [7, 8]) {
      const item = { ...ITEM, amount };
      const asked = { tool_name: "refund_order", arguments: item, reason: "It came back" };
      await org.post("/v1/approvals", asked, run.key);
      await decided("approve");
      const later = amount === 7 ? item : ITEM;
      const { ran } = await played({ ...run, item, later });
      assert.deepEqual(ran, amount === 7 ? [item] : [], "a changed item");
    }
    const denied = { ...run, item: { ...ITEM, amount: 9 } };
    const [no] = await Promise.all([played(denied), decided("deny")]);
    assert.deepEqual(no.ran, []);
  });

  await t.step("a dead server, error 500, and an answer that is none", async () => {
    const { run } = await world("allowed");
    const answers = [
      () => new Response("no", { status: 500 }),
      () => new Response("<html>ok</html>"),
      () => Response.json({ allowed: true, ok: true }),
    ];
    for (const answer of answers) {
      await using liar = Deno.serve(
        { port: 0, hostname: "127.0.0.1", onListen: () => {} },
        answer,
      );
      const lied = { ...run, url: `http://127.0.0.1:${liar.addr.port}` };
      assert.deepEqual((await played(lied)).ran, []);
    }
    const free = Deno.listen({ port: 0, hostname: "127.0.0.1" });
    free.close();
    assert.deepEqual((await played({ ...run, url: `http://127.0.0.1:${free.addr.port}` })).ran, []);
  });
});
