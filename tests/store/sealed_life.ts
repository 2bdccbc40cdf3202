import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { pushKey } from "../../lib/alerts/subscriptions.ts";
import { sealText } from "../../lib/approvals/frozen_view.ts";
import { keepResult, readKeptResult } from "../../lib/calls/kept_result.ts";
import { bootstrap } from "../../lib/catalog/create_org.ts";
import { tellIdentityEvent } from "../../lib/identity/events.ts";
import { askerOf } from "../../lib/oauth/device.ts";
import { reviewApproval } from "../../lib/sheet/review.ts";
import { approvalKey, approvalPrefix, type SealedKey, sealedPrefix } from "../../lib/store/keys.ts";
import { deviceLoginKey } from "../../lib/store/login_keys.ts";
import { type Kv, listRecords, readRecord } from "../../lib/store/kv.ts";
import { proveSecret } from "../../lib/store/open_store.ts";
import { approvalRecord } from "../../lib/store/records/approval.ts";
import { type DeviceLogin, deviceLogin } from "../../lib/store/records/device.ts";
import { sealedRecord } from "../../lib/store/records/log.ts";
import { Sealer } from "../../lib/store/sealing.ts";
import { vaultConnectKey, vaultGrantKey } from "../../lib/store/gateway_keys.ts";
import { vaultConnectRecord, vaultGrantRecord } from "../../lib/store/records/vault.ts";
import { openGrant } from "../../lib/vault/grant.ts";
import { credentialFor } from "../../lib/vault/opening.ts";
import { systemRandom } from "../../lib/store/system.ts";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";
import { Countersign, TestClock, TestOrg } from "../helpers/countersign.ts";
import { exportLines } from "../helpers/evidence.ts";
import { consume, minted, verify } from "../helpers/minted_tokens.ts";
import { receiptPath } from "../helpers/receipts.ts";
import { CLIENT } from "../helpers/people.ts";

export const SECRETS = { a: systemRandom(48), b: systemRandom(48), c: systemRandom(48) };

/** What is left here while a member is at a provider. */
const LEFT = { verifier: "v" };

/** A computer that waits to be let in. */
const COMPUTER = { name: "build-box", address: "192.0.2.1" };

/** Where a credential may go. */
const PLACE = "https://notes.example.com/mcp";

/** A sealer that remembers what it sealed. */
class RecordingSealer extends Sealer {
  /** Hex of all sealed bytes. */
  readonly sealed = new Set<string>();
  readonly kinds = new Set<string>();

  override seal(key: SealedKey, plain: Uint8Array): Uint8Array {
    const sealed = super.seal(key, plain);
    this.sealed.add(Buffer.from(sealed).toString("hex"));
    this.kinds.add(key[0]);
    return sealed;
  }
}

/** A store that nodes with other secrets are started over one after another. */
export class Rotated implements AsyncDisposable {
  readonly clock = new TestClock();
  readonly first = new RecordingSealer(SECRETS.a, null, systemRandom);
  readonly #nodes: Countersign[] = [];

  private constructor(readonly kv: Deno.Kv) {}

  /** A store under the first secret. */
  static async start(): Promise<Rotated> {
    return new Rotated(await Deno.openKv(":memory:"));
  }

  /** A node over the store, as `main.ts` starts one. */
  async node(sealer: Sealer, kv: Kv = this.kv): Promise<Countersign> {
    const node = await Countersign.start({ kv, clock: this.clock, deps: { sealer } });
    this.#nodes.push(node);
    await proveSecret(node.services.deps);
    await bootstrap(node.services);
    return node;
  }

  /** A node under the secrets of these names. */
  after(current: keyof typeof SECRETS, previous: keyof typeof SECRETS | null, kv?: Kv) {
    const before = previous === null ? null : SECRETS[previous];
    return this.node(new Sealer(SECRETS[current], before, systemRandom), kv);
  }

  /** Sealed bytes of the first node that are still in the store, by the keys of their rows. */
  async left(): Promise<string[]> {
    const left: string[] = [];
    for await (const { key, value } of this.kv.list({ prefix: [] })) {
      if (bytesIn(value).some((hex) => this.first.sealed.has(hex))) left.push(key.join(" "));
    }
    return left;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.#nodes) await node[Symbol.asyncDispose]();
    this.kv.close();
  }
}

/** All bytes inside of a value, as hex. */
function bytesIn(value: unknown): string[] {
  if (value instanceof Uint8Array) return [Buffer.from(value).toString("hex")];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(bytesIn);
}

/** An org that has made sealed rows of every kind, and how to look at all of them. */
export class SealedLife {
  private constructor(
    readonly it: ApprovalOrg,
    readonly reader: string,
    readonly token: string,
    /** A request that is pending still. */
    readonly pending: string,
  ) {}

  static async on(node: Countersign): Promise<SealedLife> {
    const org = await node.org();
    const it = new ApprovalOrg(node, org, await org.member("ann@example.com"));
    await org.tool(TOOL, { default_permission: "requires_approval" });
    await org.tool("restart");
    const why = { reason: "stuck", arguments: { force: true } };
    for (let i = 0; i < 12; i++) {
      const got = await org.post("/v1/permissions/check", { tool_name: "restart", ...why });
      assert.equal(got.status, 200, got.text);
    }
    const { token } = await minted(org, { tool_name: "restart", arguments: why.arguments });
    const rotated = await org.manage("POST", "/v1/audit/rotate-key");
    assert.equal(rotated.status, 201, rotated.text);

    const { id: pending } = await it.pending({ arguments: { id: 1 }, context: { ticket: "T-1" } });
    const again = { arguments: { id: 1 }, reason: "still old", context: { ticket: "T-2" } };
    assert.equal((await it.ask(again)).status, 200);
    const denied = await it.pending({ arguments: { id: 2 } });
    await it.decide(denied.id, "deny", { note: "not today" });
    const approved = await it.pending({ arguments: { id: 3 } });
    await it.decide(approved.id, "approve", { note: "go on" });
    await secondNote(it, approved.id);
    const reader = await org.key("standard", { audit_private: true });
    await pushKey(node.services);
    const hook = { url: "https://hooks.example.com/", events: ["tool.drifted"] };
    assert.equal((await org.manage("POST", "/v1/webhooks", hook)).status, 201);
    const topic = { kind: "ntfy", url: "https://ntfy.example.com", topic: "ops" };
    const channel = { name: "Ops", secret: "tk_1", ...topic };
    assert.equal((await org.manage("POST", "/v1/channels", channel)).status, 201);
    const kept = { kind: "bearer", origins: [new URL(PLACE).origin], secret: "first-secret" };
    const { body } = await org.manage("POST", "/v1/credentials", { name: "Notes", ...kept });
    const next = { secret: "second-secret", overlap_seconds: 86_400 };
    const turned = await org.manage("POST", `/v1/credentials/${body.id}/rotate`, next);
    assert.equal(turned.status, 200, turned.text);
    const issued = await org.manage("POST", "/v1/credentials", {
      name: "Issued",
      kind: "oauth2",
      origins: [new URL(PLACE).origin],
      oauth: { issuer: "https://a.example.com", client_id: "c", refresh_token: "a-refresh-token" },
    });
    assert.equal(issued.status, 201, issued.text);
    await org.transact((transaction) => {
      const { deps: { sealer }, now } = transaction;
      const key = vaultConnectKey(org.id, "hash");
      const sealed = sealer.sealJson(key, LEFT);
      const row = {
        session: "s",
        credential: issued.body.id,
        sealed,
        expires_at: now + 86_400_000,
      };
      transaction.set(key, row, { expireIn: 86_400_000 });
    });
    await org.transact((transaction) => {
      const { deps: { sealer }, now } = transaction;
      const sealed = sealer.sealJson(deviceLoginKey("hash"), COMPUTER);
      const login = { id: "lgn", sealed, polled_at: 0, interval: 5, expires_at: now + 86_400_000 };
      const waiting: DeviceLogin = { ...login, progress: { state: "pending" } };
      transaction.set(deviceLoginKey("hash"), waiting, { expireIn: 86_400_000 });
    });
    await org.transact((transaction) => tellIdentityEvent(transaction, JO, BEGUN, CLIENT));
    await keepResult(node.services, org.id, CALL, [new TextEncoder().encode(RESULT)]);
    return new SealedLife(it, reader, token, pending);
  }

  /** The same org seen through another node. */
  through(node: Countersign): SealedLife {
    const org = new TestOrg(node, this.it.org.id);
    Object.assign(org.secrets, this.it.org.secrets);
    const it = new ApprovalOrg(node, org, this.it.ann);
    return new SealedLife(it, this.reader, this.token, this.pending);
  }

  /** What upstreams are shown of each credential: first, and after a 401. */
  async #shown() {
    const { org, countersign: { services } } = this.it;
    const { body } = await org.manage("GET", "/v1/credentials");
    return await Promise.all(body.data.map(async ({ id, kind }: { id: string; kind: string }) => {
      if (kind === "oauth2") return await this.#issued(id);
      const kept = { mode: "org", credential_id: id } as const;
      const credential = credentialFor(services, org.id, kept.credential_id);
      const first = await credential?.open(PLACE);
      assert.ok(first !== undefined && "headers" in first);
      const second = await credential?.instead(first, PLACE);
      assert.ok(second !== undefined && second !== null && "headers" in second);
      return [first.headers, second.headers];
    }));
  }

  /** The tokens of a credential that a provider issues, and what was left while somebody is there. */
  async #issued(id: string) {
    const { org, countersign: { services: { deps: { kv, sealer } } } } = this.it;
    const row = await readRecord(kv, vaultGrantKey(org.id, id), vaultGrantRecord) ??
      assert.fail("no grant");
    const key = vaultConnectKey(org.id, "hash");
    const left = await readRecord(kv, key, vaultConnectRecord) ?? assert.fail("nobody is there");
    assert.deepEqual(sealer.openJson(key, left.value.sealed), LEFT);
    return openGrant(sealer, org.id, id, row.value).secret;
  }

  /** Everything sealed that the service shows. */
  async seen() {
    const { org, countersign: { services } } = this.it;
    const approvals: unknown[] = [];
    const prefix = approvalPrefix(org.id);
    for await (const { value } of listRecords(services.deps.kv, { prefix }, approvalRecord)) {
      const got = await this.it.get(value.id, org.approver);
      assert.equal(got.status, 200, got.text);
      const { review_url: _of_this_node, ...shown } = got.body;
      approvals.push([
        shown,
        await reviewApproval(services, org.id, { record: value, inside: true }),
      ]);
    }
    const { body: valid } = await verify(org, this.token, { tool_name: "restart" });
    const other = { tool_name: "restart", arguments: { force: false } };
    const { differs } = (await consume(org, this.token, other)).body;
    assert.deepEqual(differs, ["/arguments/force"]);
    assert.equal((await org.get("/v1/audit/checkpoint")).status, 200);
    const lines = await exportLines(org, this.reader);
    const before = lines.filter(({ entry }) => SHOWN.has(entry.type));
    const receipt = await org.get(receiptPath(before[0]?.entry ?? assert.fail("nothing asked")));
    assert.equal(receipt.status, 200, receipt.text);
    const push = await pushKey(services);
    const { kv, sealer } = services.deps;
    const waiting = await Array.fromAsync(
      listRecords(kv, { prefix: [...sealedPrefix("identity_event")] }, sealedRecord),
      ({ key, value }) => sealer.openJson(key, value.sealed),
    );
    assert.equal(waiting.length, 1);
    const kept = { pieces: 1, expires_at: services.deps.now() + 1 };
    const result = await readKeptResult(services, org.id, CALL, kept);
    assert.equal(new TextDecoder().decode(result ?? new Uint8Array()), RESULT);
    const login = await readRecord(kv, deviceLoginKey("hash"), deviceLogin) ??
      assert.fail("nobody waits");
    assert.deepEqual(askerOf({ sealer }, "hash", login.value), COMPUTER);
    const hidden = before.map((line) => line.private);
    const carried = await this.#shown();
    return { approvals, valid, push, waiting, private: hidden, receipt: receipt.text, carried };
  }
}

/** A call, and what came of it. */
const CALL = "cal_" + "0".repeat(26);
const RESULT = '{"content":[],"is_error":false}';

/** Somebody's sign-in, on its way into the log of the deployment. */
const JO = { id: "acc_" + "0".repeat(26), orgs: [] };
const BEGUN = { type: "session.begun" };

/** Types of entries that looking does not add to. */
const SHOWN = new Set(["permission.checked", "approval.created", "approval.asked_again"]);

/** The API takes no decision of the second level: written as one looks that a passkey signed. */
async function secondNote({ countersign, org, ann }: ApprovalOrg, id: string): Promise<void> {
  const { kv, sealer } = countersign.services.deps;
  const key = approvalKey(org.id, id);
  const { value } = await readRecord(kv, key, approvalRecord) ?? assert.fail("no approval");
  const note = sealText(sealer, org.id, id, "note 2", "go on, twice");
  const decision = { level: 2, decision: "approve", member: ann.id, asserted_by: null, note };
  const decisions = [...value.decisions, { ...decision, at: value.created_at }];
  await org.transact((transaction) => transaction.set(key, { ...value, decisions }));
}

/** A store where something happens right before each of its commits. */
export function interrupted(
  kv: Kv,
  before: (writes: readonly Written[]) => Promise<unknown>,
): Kv {
  return {
    get: kv.get.bind(kv),
    getMany: kv.getMany.bind(kv),
    list: kv.list.bind(kv),
    set: kv.set.bind(kv),
    enqueue: kv.enqueue.bind(kv),
    listenQueue: kv.listenQueue.bind(kv),
    close: () => {},
    atomic() {
      const operation = kv.atomic();
      const { set, commit } = {
        set: operation.set.bind(operation),
        commit: operation.commit.bind(operation),
      };
      const writes: Written[] = [];
      operation.set = (key, value, options) => {
        writes.push({ key, expireIn: options?.expireIn });
        return set(key, value, options);
      };
      operation.commit = async () => {
        await before(writes);
        return await commit();
      };
      return operation;
    },
  };
}

export interface Written {
  readonly key: Deno.KvKey;
  readonly expireIn: number | undefined;
}
