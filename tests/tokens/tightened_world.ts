import assert from "node:assert/strict";
import type { RevocationReason } from "../../lib/store/records/vocabulary.ts";
import { Countersign, type Got, type TestOrg } from "../helpers/countersign.ts";
import { consume, entriesOf, TRANSFER, verify } from "../helpers/minted_tokens.ts";
import { assertProblem } from "../helpers/refused.ts";

const TOOL = "/v1/tools/transfer";

/** The tool as every world begins with it. */
const DEFINITION = {
  description: "Moves money",
  category: "money",
  annotations_acknowledged: true,
  parameters: { type: "object" },
};

/** An org with one agent that gets tokens, another one, and two tools, all made over HTTP. */
export class TighteningWorld implements AsyncDisposable {
  agent = { id: "", token: "" };
  other = { id: "", token: "" };
  /** The approval that the newest token was minted from. */
  approval = "";

  private constructor(readonly countersign: Countersign, readonly org: TestOrg) {}

  static async start(): Promise<TighteningWorld> {
    const countersign = await Countersign.start();
    const org = await countersign.org();
    await org.member("ann@example.com", {
      role: "admin",
      account: "acc_ann",
      has_passkey: true,
    });
    const world = new TighteningWorld(countersign, org);
    await world.manage("PUT", "/v1/categories/money", { default_permission: "allowed" });
    await world.manage("PUT", "/v1/categories/other", { default_permission: "allowed" });
    await world.manage("PUT", TOOL, DEFINITION);
    await world.manage("PUT", "/v1/tools/other", DEFINITION);
    world.agent = await world.newAgent({ trust_tier: 2 });
    world.other = await world.newAgent({});
    return world;
  }

  /** A change of the configuration, which has to succeed. */
  async manage(method: string, path: string, body?: unknown): Promise<Got> {
    const got = await this.org.manage(method, path, body);
    assert.ok(got.status < 300, `${method} ${path}: ${got.text}`);
    return got;
  }

  tool(fields: object): Promise<Got> {
    return this.manage("PATCH", TOOL, fields);
  }

  /** The tool as a whole again, which a call of `PUT` makes it. */
  replaced(fields: object): Promise<Got> {
    return this.manage("PUT", TOOL, { ...DEFINITION, ...fields });
  }

  rule(selector: object, permission: string): Promise<Got> {
    return this.manage("PUT", "/v1/rules", { selector, permission });
  }

  async unruled(selector: object): Promise<Got> {
    const { data } = (await this.org.get("/v1/rules")).body;
    const rule = data.find((one: { selector: object }) =>
      Object.entries(selector).every(([name, value]) =>
        one.selector[name as keyof object] === value
      )
    );
    return await this.manage("DELETE", `/v1/rules/${rule.id}`);
  }

  change(agent: { id: string }, fields: object): Promise<Got> {
    return this.manage("PATCH", `/v1/agents/${agent.id}`, fields);
  }

  async rotate(agent: { id: string }, body?: object): Promise<string> {
    return (await this.manage("POST", `/v1/agents/${agent.id}/rotate`, body)).body.token;
  }

  async newAgent(fields: object): Promise<{ id: string; token: string }> {
    const { body } = await this.manage("POST", "/v1/agents", { name: "agent", ...fields });
    return { id: body.id, token: body.token };
  }

  ask(key = this.agent.token): Promise<Got> {
    return this.org.post("/v1/approvals", { ...TRANSFER, reason: "an invoice" }, key);
  }

  /** Has Ann approve the action for whoever asks. */
  async approved(key = this.agent.token): Promise<string> {
    const { id } = (await this.ask(key)).body;
    const body = { decision: "approve", decided_by: "ann@example.com" };
    const got = await this.org.post(`/v1/approvals/${id}/decide`, body, this.org.approver);
    assert.equal(got.status, 200, got.text);
    return id;
  }

  /** A token by each way there is, of whoever has `key`. */
  async tokens({ held, key = this.agent.token }: { held: boolean; key?: string }) {
    const mint = async (headers = {}) => {
      if (held) this.approval = await this.approved(key);
      const body = held ? { ...TRANSFER, approval_id: this.approval } : TRANSFER;
      const got = await this.org.post("/v1/tokens/mint", body, key, headers);
      assert.equal(got.status, 201, got.text);
      return { body, token: got.body.token as string };
    };
    const first = await mint({ "idempotency-key": "first" });
    const second = await mint();
    if (held) this.approval = await this.approved(key);
    const asking = held ? { request: true, reason: "an invoice" } : {};
    const checked = await this.org.post(
      "/v1/permissions/check",
      { ...TRANSFER, mint: true, ...asking },
      key,
    );
    assert.match(String(checked.body.token), /^cs_run_/, checked.text);
    /** Asks again for the first token, as a client does that lost the answer. */
    const replay = () =>
      this.org.post("/v1/tokens/mint", first.body, key, { "idempotency-key": "first" });
    const checkedToken = checked.body.token as string;
    return { first: first.token, second: second.token, checked: checkedToken, replay };
  }

  report(token: string): Promise<Got> {
    const body = { tool_name: TRANSFER.tool_name, token, execution_result: "success" };
    return this.org.post("/v1/executions/log", body);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.countersign[Symbol.asyncDispose]();
  }
}

type Tokens = Awaited<ReturnType<TighteningWorld["tokens"]>>;

/** Asserts that nothing minted before counts, whichever way it is presented, and why. */
export async function assertRevoked(
  { org }: TighteningWorld,
  { first, second, checked, replay }: Tokens,
  reason: RevocationReason,
  report: (token: string) => Promise<Got>,
): Promise<void> {
  const looked = await verify(org, first);
  assert.deepEqual(looked.body, { valid: false, code: "token_revoked", reason });
  const consumed = [await consume(org, first), await consume(org, checked), await report(second)];
  for (const got of consumed) {
    assertProblem(got, 403, "token_revoked");
    assert.equal(got.body.reason, reason);
    assert.match(got.body.detail, /^The run token no longer authorizes its action: \w.*\.$/);
  }
  const entries = await entriesOf(org, "token.refused");
  assert.deepEqual(
    entries.map(({ data }) => [data.attempt, data.code, data.reason]),
    ["consume", "consume", "report"].map((attempt) => [attempt, "token_revoked", reason]),
  );
  const { status, body, text } = await replay();
  // Where its key is void as well, it is not even asked.
  assert.ok(status === 401 || body.code === "idempotency_stale", text);
}

/** Asserts that everything minted before counts as it did. */
export async function assertGood(
  { org }: TighteningWorld,
  { first, second, checked }: Tokens,
  report: (token: string) => Promise<Got>,
): Promise<void> {
  assert.equal((await verify(org, first)).body.valid, true);
  for (const token of [first, checked]) {
    const got = await consume(org, token);
    assert.equal(got.status, 200, got.text);
  }
  const reported = await report(second);
  assert.equal(reported.status, 201, reported.text);
}
