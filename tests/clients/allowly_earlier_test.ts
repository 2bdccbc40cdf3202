import assert from "node:assert/strict";
import { action, AllowlyOrg, policy } from "../helpers/allowly.ts";
import { Countersign, TestClock } from "../helpers/countersign.ts";
import { verifiedLog } from "../helpers/stored_log.ts";
import { PythonPackages } from "./python_packages.ts";

/** The SDK of Allowly before 0.8, as it was published: another wire, the same surface. */

const PROGRAM = `
import asyncio, json, sys
from datetime import datetime, timedelta, timezone
from allowly import Allowly, AllowlyAPIError
from allowly.types import ActionEntry
from allowly.verify import fetch_keys_doc, load_keys_from_json, verify_receipt

given = json.load(sys.stdin)
base, org = given["base_url"], given["workspace_id"]

def client(key):
    return Allowly(given["keys"][key], base_url=base, check_timeout_ms=8000,
                   dangerously_allow_insecure_base_url=True)

async def refused(call):
    try:
        await call
    except AllowlyAPIError as error:
        return [error.status, [field.field for field in error.fields]]

async def main():
    said = {}
    runtime, answers = client("standard"), client("approver")
    later = datetime.now(timezone.utc) + timedelta(days=1)
    inline = dict(user_id="u1", agent_id="shop-assistant", expires_at=later)
    made = await runtime.authorizations.create(
        **inline, actions=["refund", "mail", "wire", "wipe"], requires_confirm_for=["mail"],
        requires_escalation_for=["wire"], requires_deny_for=["wipe"],
        escalation_targets={"wire": "owner"}, budget_limit_micros=1000)
    said["made"] = [made.policy_id, made.requires_confirm_for, made.requires_escalation_for,
                    made.requires_deny_for, made.escalation_targets, made.budget_spent_micros]
    said["constrained"] = await refused(runtime.authorizations.create(
        **inline, actions=[ActionEntry(name="refund", constraints={"max": 1})]))
    said["unnamed"] = await refused(runtime.authorizations.create(
        **inline, actions=["refund"], requires_confirm_for=["mail"]))
    of = await runtime.authorizations.create(user_id="u1", policy_id="shop")
    said["of"] = [of.policy_id, of.requires_confirm_for]
    said["of_none"] = await refused(runtime.authorizations.create(user_id="u1", policy_id="none"))
    receipts = [made.receipt.receipt_id, of.receipt.receipt_id]
    results = {}
    for name in ("refund", "mail", "wire", "wipe"):
        checked = await runtime.check(
            authorization_id=made.authorization_id, actions=[name], estimated_cost_micros=1)
        results[name] = checked.results[name]
        receipts.append(checked.results[name].receipt.receipt_id)
    said["results"] = {name: result.decision for name, result in results.items()}
    yes = await answers.confirmations.approve(results["mail"].confirm_nonce, approved=True)
    used = await runtime.check(
        authorization_id=yes.authorization_id, actions=["mail"], estimated_cost_micros=1, wait=True)
    said["used"] = [used.results["mail"].decision, used.results["mail"].receipt.status]
    receipts += [yes.receipt.receipt_id, used.results["mail"].receipt.receipt["receipt_id"]]
    settled = await runtime.settle_budget(
        check_receipt_id=results["refund"].receipt.receipt_id, actual_cost_micros=3)
    revoked = await runtime.authorizations.revoke(made.authorization_id)
    receipts += [settled.receipt.receipt_id, revoked.receipt.receipt_id]
    document = fetch_keys_doc(org, base_url=base, dangerously_allow_insecure_base_url=True)
    keys = load_keys_from_json(document)
    signed = [await runtime.receipts.fetch_signed(receipt) for receipt in receipts]
    for receipt in signed:
        verify_receipt(receipt, keys, expected_workspace_id=org)
    said["versions"] = sorted({receipt["schema_version"] for receipt in signed})
    try:
        verify_receipt({**signed[0], "user_id": "u2"}, keys, expected_workspace_id=org)
        said["changed"] = "taken"
    except Exception as error:
        said["changed"] = type(error).__name__
    await runtime.aclose()
    await answers.aclose()
    print(json.dumps(said))

asyncio.run(main())
`;

Deno.test("the SDK of Allowly before 0.8 grants, checks, confirms and verifies its receipts here", async () => {
  // Receipts must not be ahead of this computer.
  await using countersign = await Countersign.start({ clock: new TestClock(Date.now() - 60_000) });
  const it = await AllowlyOrg.over(await countersign.org());
  const { org } = it;
  await it.published(
    "shop",
    policy(
      ...["refund", "wire", "wipe"].map((name) => action(name)),
      action("mail", { decision: "confirm" }),
    ),
  );
  await using python = await PythonPackages.installed(
    "allowly[verifier]==0.7.0",
    "allowly-receipt-format==4.3.1",
  );
  const said = await python.run(PROGRAM, {
    base_url: `${countersign.origin}/allowly`,
    workspace_id: org.id,
    keys: { standard: it.runtime, approver: org.approver },
  });
  assert.deepEqual(said, {
    made: [null, ["mail"], ["wire"], ["wipe"], { wire: "owner" }, 0],
    constrained: [422, ["actions.0.constraints.max"]],
    unnamed: [422, ["requires_confirm_for.0"]],
    of: ["shop", ["mail"]],
    of_none: [404, []],
    results: { refund: "allow", mail: "confirm", wire: "escalate", wipe: "deny" },
    used: ["allow", "signed"],
    versions: ["4"],
    changed: "SignatureMismatchError",
  });
  await verifiedLog(countersign.services.deps, org.id);
});
