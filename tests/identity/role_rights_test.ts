import assert from "node:assert/strict";
import { hasRight, mayGrant, RIGHTS } from "../../lib/policy/rights.ts";
import { ROLES } from "../../lib/store/records/identity.ts";

/**
 * Who may do what, written out by hand: nothing here is read from the table under test, so that a
 * right which one role more (or one fewer) gets fails until somebody says so here as well.
 */
const COLUMNS = ["owner", "admin", "approver", "viewer"];
const EXPECTED: Readonly<Record<string, readonly [boolean, boolean, boolean, boolean]>> = {
  see_requests: [true, true, true, true],
  decide: [true, true, true, false],
  read: [true, true, true, true],
  configure: [true, true, false, false],
  manage_members: [true, true, false, false],
  make_approver_keys: [true, false, false, false],
  widen_settings: [true, false, false, false],
  export_private: [true, false, false, false],
  accept_clock: [true, false, false, false],
  delete_org: [true, false, false, false],
  confirm_recovery: [true, false, false, false],
  kill_switch_on: [true, true, true, false],
  kill_switch_off: [true, false, false, false],
  grant_read: [true, true, true, true],
  grant_write: [true, true, true, false],
};

/** Whom each role may invite, change and remove: nobody above it, and two roles nobody at all. */
const GRANTS: Readonly<Record<string, readonly string[]>> = {
  owner: ["owner", "admin", "approver", "viewer"],
  admin: ["admin", "approver", "viewer"],
  approver: [],
  viewer: [],
};

Deno.test("The roles and rights are those that the written table lists, and no others", () => {
  assert.deepEqual([...ROLES], COLUMNS);
  assert.deepEqual([...RIGHTS].sort(), Object.keys(EXPECTED).sort());
});

Deno.test("Each role has exactly the rights that are written down for it", () => {
  const got = Object.fromEntries(
    RIGHTS.map((right) => [right, ROLES.map((role) => hasRight(role, right))]),
  );
  assert.deepEqual(got, EXPECTED);
});

Deno.test("Each role gives and takes exactly the roles that are written down for it", () => {
  const got = Object.fromEntries(
    ROLES.map((own) => [own, ROLES.filter((other) => mayGrant(own, other))]),
  );
  assert.deepEqual(got, GRANTS);
});
