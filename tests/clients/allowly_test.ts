import assert from "node:assert/strict";
import { textDigest } from "../../lib/allowly/evaluation.ts";
import { readPolicy } from "../../lib/allowly/policy.ts";
import { isJsonObject, type JsonObject } from "../../lib/base/json.ts";
import { Refusal } from "../../lib/refusal.ts";
import { action, policy } from "../helpers/allowly.ts";
import { Countersign, TestClock, type TestOrg } from "../helpers/countersign.ts";
import { mutated, seeded } from "../helpers/mutated_json.ts";
import { verifiedLog } from "../helpers/stored_log.ts";
import { PythonPackages } from "./python_packages.ts";

/** The published SDK of Allowly, unchanged, against this service. */

async function prepared(countersign: Countersign): Promise<TestOrg> {
  const org = await countersign.org();
  const set = await org.manage("PATCH", "/v1/org", { register_from_policies: true });
  assert.equal(set.status, 200, set.text);
  return org;
}

Deno.test("the SDK of Allowly, as it is published, does all that it can do here", async () => {
  // Receipts must not be ahead of this computer.
  await using countersign = await Countersign.start({ clock: new TestClock(Date.now() - 60_000) });
  const org = await prepared(countersign);
  const ann = await org.member("ann@example.com");
  const program = await Deno.readTextFile(new URL("allowly_client.py", import.meta.url));
  await using python = await PythonPackages.installed(
    "allowly==0.8.0",
    "allowly-receipt-format==5.0.0",
  );
  const said = await python.run(program, {
    base_url: `${countersign.origin}/allowly`,
    workspace_id: org.id,
    keys: {
      management: org.management,
      standard: await org.key("standard", { may_grant: true }),
      approver: org.approver,
    },
    member: ann.id,
  });
  assert.deepEqual(said, {
    "ready": true,
    "created": [
      1,
      true,
    ],
    "preview": [
      "confirm",
      "large",
    ],
    "published": 2,
    "stale": [
      412,
      "bundle_edition_exists",
      [],
    ],
    "listed": [
      [
        "old",
      ],
      true,
      [
        [
          "shop",
        ],
        false,
      ],
    ],
    "archived": true,
    "granted_of_archived": [
      404,
      "policy_not_found",
      [],
    ],
    "narrow": [
      "read",
      "refund",
    ],
    "allowed": [
      "allow",
      "authorization_granted_action_active",
      0,
      4000000,
      "allow",
    ],
    "settled": [
      -1000000,
      4000000,
      3000000,
    ],
    "settled_otherwise": [
      409,
      "already_settled",
      [],
    ],
    "over": [
      "deny",
      "budget_exceeded",
    ],
    "several": {
      "wipe": [
        "deny",
        "action_denied",
      ],
      "read": [
        "allow",
        "authorization_granted_action_active",
      ],
      "other": [
        "deny",
        "action_not_in_authorization",
      ],
    },
    "pattern": "resource_tombstoned",
    "unknown": [
      "authorization_not_found",
      null,
    ],
    "waited": "signed",
    "confirm": [
      "confirm",
      "confirm_condition_matched",
      "large",
    ],
    "confirm_pending": "pending",
    "own_yes": [
      403,
      "wrong_tier",
      [],
    ],
    "used_nonce": [
      410,
      "confirmation_gone",
      [],
    ],
    "confirm_resolved": [
      "approved",
      "available",
      true,
      true,
    ],
    "child_other": "deny",
    "confirmed": [
      "allow",
      "authorization_granted_via_confirmation",
    ],
    "settled_use": [
      4000000,
      9000000,
    ],
    "confirm_used": "expired",
    "denied": [
      "not_approved",
      null,
    ],
    "asked_after_no": [
      409,
      "recently_denied",
      [],
    ],
    "escalate": [
      "escalate",
      "member:owner_1",
    ],
    "escalation_pending": "pending",
    "nobody": [
      422,
      "invalid_request",
      [
        "resolved_by",
      ],
    ],
    "resolved_again": [
      "approved",
      null,
    ],
    "resolved_otherwise": [
      409,
      "approval_not_pending",
      [],
    ],
    "escalation_approved": "available",
    "escalated": [
      "allow",
      "authorization_granted_via_escalation",
    ],
    "escalation_used": [
      "consumed",
      true,
    ],
    "revoked": true,
    "after": "authorization_revoked",
    "superseded": [
      "authorization_superseded",
      true,
    ],
    "missing_receipt": [
      404,
      "receipt_not_found",
      [],
    ],
    "later": [
      404,
      "route_not_found",
      [],
    ],
    "kinds": [
      "allow",
      "authorization.create",
      "authorization.revoke",
      "budget.settle",
      "confirm",
      "confirmation.resolve",
      "deny",
      "escalate",
      "escalation.resolve",
    ],
    "changed": "SignatureMismatchError",
  });
  // Nothing of it stands wrong in the log: uses of approvals neither.
  await verifiedLog(countersign.services.deps, org.id);
});

const READS = `
import json, sys
from allowly.policies import definition_digest, validate_policy_definition

def read(value):
    try:
        return definition_digest(validate_policy_definition(value))
    except Exception:
        return None

print(json.dumps([read(value) for value in json.load(sys.stdin)]))
`;

/** What this service does not keep to, and so refuses. */
const STRICTER =
  /^\/(agent_id|actions\/\d+\/(policy\/action|guards\/allowed_initiators|executable_operations))$/;

Deno.test("a policy is taken that the SDK takes, by the same digest, and no other", async () => {
  const definition = policy(
    action("refund", {
      fields: { n: "integer", l: "list", s: "string", z: "null", b: "boolean" },
      rules: [{
        id: "r\n\u0001",
        decision: "confirm",
        target: "agent_owner",
        conditions: [
          { field: "n", op: "gt", value: 5 },
          { field: "l", op: "contains_any", value: [1, "é😀"] },
          { field: "s", op: "in", value: ["a", "b"] },
          { field: "b", op: "exists", value: false },
        ],
      }],
      guards: { max_per_day: 9, resource_pattern: "doc-*" },
    }),
    action("wire", { decision: "escalate" }),
  );
  const random = seeded(17);
  const values = [definition, ...Array.from({ length: 4000 }, () => mutated(definition, random))]
    .filter((value) => isJsonObject(value));
  await using python = await PythonPackages.installed("allowly==0.8.0");
  const theirs: (string | null)[] = await python.run(READS, values);
  let taken = 0;
  for (const [i, value] of values.entries()) {
    const about = JSON.stringify(value);
    const read = ownReading(value);
    if (typeof read === "string") {
      taken++;
      assert.equal(read, theirs[i], about);
    } else if (theirs[i] !== null) {
      assert.ok(read.some((path) => STRICTER.test(path)), `${read}: ${about}`);
    }
  }
  assert.ok(taken > 100, `${taken} of them were right`);
});

/** The digest of a policy, or what is wrong with it. */
function ownReading(value: JsonObject): string | string[] {
  try {
    return textDigest(readPolicy(value).text);
  } catch (error) {
    assert.ok(error instanceof Refusal && error.code === "invalid_request");
    return error.data.errors.map(({ path }) => path);
  }
}
