"""What an application of Allowly does, by its own SDK as it is published, against this service."""

import asyncio
import json
import sys

from allowly import Allowly, AllowlyAPIError
from allowly.policies import definition_digest
from allowly.verify import decode_receipt, fetch_keys_doc, load_keys_from_json, verify_receipt

given = json.load(sys.stdin)
base = given["base_url"]
said = {}


def client(key):
    return Allowly(given["keys"][key], base_url=base, check_timeout_ms=8000,
                   dangerously_allow_insecure_base_url=True)


def action(name, decision, target=None, rules=(), fields=None, guards=None):
    return {
        "policy": {
            "profile": "allowly.basic.v1",
            "action": name,
            "decision": decision,
            "target": target,
            "fields": fields or {},
            "rules": list(rules),
        },
        "guards": guards or {},
        "executable_operations": [],
    }


DEFINITION = {
    "profile": "allowly.policy.v1",
    "agent_id": "shop-assistant",
    "default_expiry_days": 30,
    "actions": [
        action("refund", "allow", fields={"amount": "integer", "note": "string"}, rules=[
            {"id": "large", "decision": "confirm", "target": "agent_owner",
             "conditions": [{"field": "amount", "op": "gt", "value": 5000}]},
            {"id": "odd", "decision": "deny", "target": None,
             "conditions": [{"field": "note", "op": "eq", "value": "line\none"}]},
        ]),
        action("mail.send", "confirm", "agent_owner"),
        action("wire", "escalate", "member:owner_1"),
        action("wipe", "deny"),
        action("read", "allow", guards={"resource_pattern": "doc-*", "max_per_day": 2}),
    ],
}


async def refused(call):
    try:
        await call
    except AllowlyAPIError as error:
        return [error.status, error.code, [field.field for field in error.fields]]
    return None


async def main():
    setup, runtime, answers = client("management"), client("standard"), client("approver")
    said["ready"] = await runtime.readiness()
    org = given["workspace_id"]

    made = await setup.policies.create(policy_id="shop", definition=DEFINITION, description="Shop")
    said["created"] = [made.policy_ref["policy_version"], made.created_by is not None]
    assert made.policy_ref["definition_sha256"] == definition_digest(DEFINITION)
    read = await setup.policies.get("shop")
    assert read.definition == DEFINITION and read.policy_ref == made.policy_ref
    previewed = await setup.policies.preview(
        definition=DEFINITION, action="refund", context={"amount": 9000, "note": "\u0001\n\u007fü😀"})
    said["preview"] = [previewed.policy_eval.result.decision, previewed.policy_eval.result.matched_rule_id]
    second = {**DEFINITION, "default_expiry_days": 10}
    published = await setup.policies.publish(
        policy_id="shop", definition=second, idempotency_key="publish-1",
        previous_policy_ref=made.policy_ref)
    again = await setup.policies.publish(
        policy_id="shop", definition=second, idempotency_key="publish-1",
        previous_policy_ref=made.policy_ref)
    assert again == published
    said["published"] = published.policy_ref["policy_version"]
    said["stale"] = await refused(setup.policies.publish(
        policy_id="shop", definition=DEFINITION, idempotency_key="publish-2",
        previous_policy_ref=made.policy_ref))
    await setup.policies.create(policy_id="old", definition=DEFINITION)
    page = await setup.policies.list(limit=1)
    said["listed"] = [[one.policy_ref["policy_id"] for one in page.items], page.has_more]
    page = await setup.policies.list(limit=1, cursor=page.next_cursor)
    said["listed"].append([[one.policy_ref["policy_id"] for one in page.items], page.has_more])
    await setup.policies.archive("old", idempotency_key="archive-1")
    said["archived"] = (await setup.policies.get("old")).deleted_at is not None
    said["granted_of_archived"] = await refused(runtime.authorizations.create(
        user_id="u1", policy_id="old", policy_version=1))

    first = await runtime.authorizations.create(
        user_id="u1", policy_id="shop", policy_version=1, metadata={"plan": "gold"})
    grant = await runtime.authorizations.create(
        user_id="u1", policy_id="shop", policy_version=2, budget_limit_micros=100_000_000,
        replaces=first.authorization_id, idempotency_key="grant-1")
    assert grant.replaced_authorization_id == first.authorization_id
    receipts = [first.receipt.receipt_id, grant.receipt.receipt_id, grant.revocation_receipt.receipt_id]
    narrow = await runtime.authorizations.create(
        user_id="u2", policy_id="shop", policy_version=2, actions=["read", "refund"])
    said["narrow"] = narrow.actions

    async def check(actions, by=runtime, under=grant.authorization_id, **more):
        result = await by.check(authorization_id=under, actions=actions, **more)
        for one in result.results.values():
            assert not one.is_fallback, one
            receipts.append(one.receipt.receipt_id if one.receipt.status == "pending"
                            else decode_receipt(one.receipt.receipt)["receipt_id"])
        return result

    cost = {"estimated_cost_micros": 4_000_000}
    done = await check(["refund"], context={"amount": 10, "note": ""}, idempotency_key="spend-1", **cost)
    repeated = await check(["refund"], context={"amount": 10, "note": ""}, idempotency_key="spend-1", **cost)
    result = done.results["refund"]
    assert repeated.results["refund"] == result
    said["allowed"] = [result.decision, result.reason, result.budget.spent_micros,
                       result.budget.spent_after_micros, result.policy_eval.result.decision]
    settled = await runtime.settle_budget(
        check_receipt_id=result.receipt.receipt_id, actual_cost_micros=3_000_000)
    said["settled"] = [settled.delta_micros, settled.spent_before_micros, settled.spent_after_micros]
    receipts.append(settled.receipt.receipt_id)
    same = await runtime.settle_budget(
        check_receipt_id=result.receipt.receipt_id, actual_cost_micros=3_000_000)
    assert same.receipt.receipt_id == settled.receipt.receipt_id
    said["settled_otherwise"] = await refused(runtime.settle_budget(
        check_receipt_id=result.receipt.receipt_id, actual_cost_micros=1))
    over = (await check(["refund"], context={"amount": 10, "note": ""}, estimated_cost_micros=98_000_000))
    said["over"] = [over.results["refund"].decision, over.results["refund"].reason]
    said["several"] = {name: [one.decision, one.reason] for name, one in (await check(
        ["wipe", "read", "other"], resource="doc-1", **cost)).results.items()}
    said["pattern"] = (await check(["read"], resource="x", under=narrow.authorization_id)).results["read"].reason
    gone = await check(["refund"], under="auth_unknown")
    said["unknown"] = [gone.results["refund"].reason, gone.user_id]
    waited = await check(["read"], resource="doc-2", under=narrow.authorization_id, wait=True)
    said["waited"] = waited.results["read"].receipt.status

    context = {"amount": 9000, "note": ""}
    asked = (await check(["refund"], context=context, **cost)).results["refund"]
    said["confirm"] = [asked.decision, asked.reason, asked.policy_eval.result.matched_rule_id]
    said["confirm_pending"] = (await runtime.confirmations.get_status(asked.confirmation_id)).status
    said["own_yes"] = await refused(runtime.confirmations.approve(asked.confirm_nonce, approved=True))
    yes = await answers.confirmations.approve(asked.confirm_nonce, approved=True, ttl_seconds=90)
    receipts.append(yes.receipt.receipt_id)
    said["used_nonce"] = await refused(answers.confirmations.approve(asked.confirm_nonce, approved=True))
    status = await runtime.confirmations.get_status(asked.confirmation_id)
    said["confirm_resolved"] = [status.status, status.authority_status,
                                status.child_authorization_id == yes.authorization_id,
                                status.resolution_receipt_id == yes.receipt.receipt_id]
    other = await check(["refund"], context={"amount": 9001, "note": ""}, under=yes.authorization_id, **cost)
    said["child_other"] = other.results["refund"].decision
    used = await check(["refund"], context=context, under=yes.authorization_id, **cost)
    said["confirmed"] = [used.results["refund"].decision, used.results["refund"].reason]
    settled = await runtime.settle_budget(
        check_receipt_id=used.results["refund"].receipt.receipt_id, actual_cost_micros=2_000_000)
    said["settled_use"] = [settled.estimated_cost_micros, settled.spent_after_micros]
    receipts.append(settled.receipt.receipt_id)
    status = await runtime.confirmations.get_status(asked.confirmation_id)
    said["confirm_used"] = status.authority_status
    asked = (await check(["mail.send"], context={"to": "x"}, **cost)).results["mail.send"]
    no = await answers.confirmations.approve(asked.confirm_nonce, approved=False)
    said["denied"] = [no.decision, no.authorization_id]
    receipts.append(no.receipt.receipt_id)
    said["asked_after_no"] = await refused(check(["mail.send"], context={"to": "x"}, **cost))

    asked = (await check(["wire"], context={"n": 1}, **cost)).results["wire"]
    said["escalate"] = [asked.decision, asked.escalation_to]
    said["escalation_pending"] = (await runtime.escalations.get_status(asked.escalation_id)).status
    said["nobody"] = await refused(answers.escalations.approve(
        asked.escalation_id, resolved_by="member:level_1"))
    resolved = await answers.escalations.approve(
        asked.escalation_id, resolved_by=f"member:{given['member']}", note="fine")
    receipts.append(resolved.receipt.receipt_id)
    same = await answers.escalations.approve(
        asked.escalation_id, resolved_by=f"member:{given['member']}")
    said["resolved_again"] = [same.status, same.receipt]
    said["resolved_otherwise"] = await refused(answers.escalations.reject(
        asked.escalation_id, resolved_by=f"member:{given['member']}"))
    said["escalation_approved"] = (await runtime.escalations.get_status(asked.escalation_id)).authority_status
    used = (await check(["wire"], context={"n": 1}, **cost)).results["wire"]
    said["escalated"] = [used.decision, used.reason]
    status = await runtime.escalations.get_status(asked.escalation_id)
    said["escalation_used"] = [status.authority_status, status.consumed_at is not None]

    waiting = (await check(["mail.send"], context={"to": "y"}, **cost)).results["mail.send"]
    revoked = await runtime.authorizations.revoke(
        grant.authorization_id, revoked_by="u1", notes="enough", idempotency_key="revoke-1")
    receipts.append(revoked.receipt.receipt_id)
    said["revoked"] = revoked.revoked_confirmations == [waiting.confirmation_id]
    again = await runtime.authorizations.revoke(grant.authorization_id)
    assert again.receipt.receipt_id == revoked.receipt.receipt_id
    said["after"] = (await check(["refund"])).results["refund"].reason
    late = await check(["refund"], under=first.authorization_id)
    said["superseded"] = [late.results["refund"].reason,
                          late.results["refund"].superseded_by == grant.authorization_id]
    said["missing_receipt"] = await refused(runtime.receipts.get("rcp_01jd8x2v6nfy0s6g9q4t3hw7ke"))
    said["later"] = await refused(runtime.get_execution("op_1"))

    signed = [await runtime.receipts.fetch_signed(receipt) for receipt in receipts]
    document = fetch_keys_doc(org, base_url=base, dangerously_allow_insecure_base_url=True)
    keys = load_keys_from_json(document)
    trusted = {key["public_key_fingerprint"] for key in document["keys"]}
    kinds = set()
    for receipt in signed:
        verify_receipt(receipt, keys, expected_workspace_id=org, trusted_key_fingerprints=trusted)
        claims = decode_receipt(receipt)
        kinds.add(claims.get("event") or claims["decision"])
        assert claims["policy_ref"] is None or claims["policy_ref"]["definition_sha256"] in {
            definition_digest(DEFINITION), definition_digest(second)}, claims
    said["kinds"] = sorted(kinds)
    try:
        verify_receipt({**signed[0], "payload": signed[1]["payload"]}, keys, expected_workspace_id=org)
        said["changed"] = "taken"
    except Exception as error:
        said["changed"] = type(error).__name__
    for one in (setup, runtime, answers):
        await one.aclose()

asyncio.run(main())
print(json.dumps(said))
