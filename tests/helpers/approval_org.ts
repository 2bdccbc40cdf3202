import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { decodeLeaf, type Entry, splitLeaves } from "../../lib/ledger/entry.ts";
import { logSegmentPrefix } from "../../lib/store/keys.ts";
import { listRecords } from "../../lib/store/kv.ts";
import type { MemberRecord } from "../../lib/store/records/identity.ts";
import { logSegment } from "../../lib/store/records/log.ts";
import { Countersign, type FixtureOptions, type Got, type TestOrg } from "./countersign.ts";

/** The tool that every action here needs an approval for. */
export const TOOL = "delete_server";

/** An org with one tool that needs approval, and an approver Ann. */
export class ApprovalOrg implements AsyncDisposable {
  constructor(
    readonly countersign: Countersign,
    readonly org: TestOrg,
    readonly ann: MemberRecord,
  ) {}

  /** @param ann what she is otherwise than an approver of everything */
  static async start(
    options: FixtureOptions = {},
    ann: Partial<MemberRecord> = {},
  ): Promise<ApprovalOrg> {
    const countersign = await Countersign.start(options);
    const org = await countersign.org();
    await org.tool(TOOL, { default_permission: "requires_approval" });
    return new ApprovalOrg(countersign, org, await org.member("ann@example.com", ann));
  }

  /** Asks for an approval, with the standard key or another. */
  ask(fields: JsonObject = {}, key = this.org.standard, headers = {}): Promise<Got> {
    const body = { tool_name: TOOL, reason: "it is old", ...fields };
    return this.org.post("/v1/approvals", body, key, headers);
  }

  /** A new pending request. */
  async pending(fields: JsonObject = {}, key = this.org.standard): Promise<Got["body"]> {
    const got = await this.ask(fields, key);
    assert.equal(got.status, 201, got.text);
    return got.body;
  }

  decide(
    id: string,
    decision: "approve" | "deny",
    fields: JsonObject = {},
    key = this.org.approver,
  ): Promise<Got> {
    const body = { decision, decided_by: "ann@example.com", ...fields };
    return this.org.post(`/v1/approvals/${id}/decide`, body, key);
  }

  /** A request that Ann has approved. */
  async approved(fields: JsonObject = {}, key = this.org.standard): Promise<Got["body"]> {
    const { id } = await this.pending(fields, key);
    const got = await this.decide(id, "approve");
    assert.equal(got.status, 200, got.text);
    return got.body;
  }

  get(id: string, key = this.org.standard): Promise<Got> {
    return this.org.get(`/v1/approvals/${id}`, key);
  }

  cancel(id: string, key = this.org.standard): Promise<Got> {
    return this.org.post(`/v1/approvals/${id}/cancel`, undefined, key);
  }

  revoke(id: string, key = this.org.standard): Promise<Got> {
    return this.org.post(`/v1/approvals/${id}/revoke`, undefined, key);
  }

  mint(approval_id: string, fields: JsonObject = {}, key = this.org.standard): Promise<Got> {
    return this.org.post("/v1/tokens/mint", { tool_name: TOOL, approval_id, ...fields }, key);
  }

  /** Changes the org's settings without the API. */
  async settings(fields: JsonObject): Promise<void> {
    const { orgKey } = await import("../../lib/store/keys.ts");
    await this.org.transact((transaction) => {
      transaction.setPolicy(orgKey(this.org.id), { ...transaction.snapshot.org, ...fields });
    });
  }

  /** The entries of the log, the oldest first; of one type, and about one request where named. */
  async entries(type?: string, approval?: string): Promise<Entry[]> {
    const { kv } = this.countersign.services.deps;
    const entries: Entry[] = [];
    const prefix = logSegmentPrefix(this.org.id);
    for await (const { value } of listRecords(kv, { prefix }, logSegment)) {
      entries.push(...splitLeaves(value.data).map(decodeLeaf));
    }
    return entries.filter((entry) =>
      (type === undefined || entry.type === type) &&
      (approval === undefined || entry.subject.approval === approval)
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.countersign[Symbol.asyncDispose]();
  }
}
