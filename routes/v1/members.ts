import { z } from "zod";
import type { JsonObject } from "../../lib/base/json.ts";
import {
  existingMember,
  KEY_GIVEN_ROLES,
  putMember,
  removeMember,
} from "../../lib/people/members.ts";
import { type MemberRecord, ROLES } from "../../lib/store/records/identity.ts";
import { removedAnswer, removedAs, writtenAnswer } from "../fields/catalog.ts";
import { timeText, versionAnswer } from "../fields/machine.ts";
import { pageAnswer, pageByName, pageQuery } from "../fields/paging.ts";
import { guarded, type Route } from "../http/route.ts";

const PATH = "/v1/members/:email";

const group = "Configuration";

/**
 * Lower case, so that one person is not two deciders. By its pattern, not as `format: email`, which is
 * what some take and others do not.
 */
const email = z.string().regex(z.regexes.email, "must be an e-mail address")
  .max(254, "has at most 254 characters").describe("E-mail address of the member")
  .transform((text) => text.toLowerCase());

const byEmail = z.object({ email });

const groupNumber = z.union([z.literal(1), z.literal(2)], "must be 1 or 2");

const memberBody = z.strictObject({
  role: z.enum(KEY_GIVEN_ROLES),
  groups: z.array(groupNumber).refine(
    (groups) => new Set(groups).size === groups.length,
    "names a group twice",
  ).default(() => []).describe("Approver groups: 1, 2 or both"),
});

const memberAnswer = z.object({
  id: z.string(),
  email: z.string(),
  role: z.enum(ROLES),
  groups: z.array(z.int()),
  has_passkey: z.boolean(),
  created_at: z.iso.datetime(),
});

const writtenMember = memberAnswer.extend(versionAnswer);

function renderMember(member: MemberRecord): JsonObject {
  const { id, email, role, groups, has_passkey, created_at } = member;
  return { id, email, role, groups, has_passkey, created_at: timeText(created_at) };
}

export const memberRoutes: readonly Route[] = [
  guarded({
    method: "get",
    path: "/v1/members",
    group,
    summary: "List the members by e-mail address",
    callers: ["management", "standard"],
    query: z.strictObject(pageQuery),
    answers: { 200: pageAnswer(memberAnswer) },
    handle: (call) =>
      call.transact({
        plan: ({ snapshot }) => {
          const all = [...snapshot.members.values()].sort((a, b) => (a.email < b.email ? -1 : 1));
          const { items, next_cursor } = pageByName(all, ({ email }) => email, call.query);
          return { status: 200, body: { data: items.map(renderMember), next_cursor } };
        },
      }),
  }),
  guarded({
    method: "put",
    path: PATH,
    group,
    summary: "Make a person a member, or change role and groups",
    description: "They can sign in only by invitation. Owners and admins are changed by an owner.",
    callers: ["management"],
    params: byEmail,
    body: memberBody,
    answers: { 200: writtenMember, 201: writtenMember },
    refusals: ["owner_required"],
    handle: (call) =>
      call.commit(
        putMember(call.params.email, call.body, call.id),
        (written) => writtenAnswer(written, renderMember),
      ),
  }),
  guarded({
    method: "get",
    path: PATH,
    group,
    summary: "Read a member",
    callers: ["management", "standard"],
    params: byEmail,
    answers: { 200: memberAnswer },
    refusals: ["not_found"],
    handle: (call) =>
      call.transact({
        plan: (transaction) => ({
          status: 200,
          body: renderMember(existingMember(transaction, call.params.email)),
        }),
      }),
  }),
  guarded({
    method: "delete",
    path: PATH,
    group,
    summary: "End a membership",
    callers: ["management"],
    params: byEmail,
    answers: { 200: writtenMember.extend(removedAnswer) },
    refusals: ["not_found", "owner_required"],
    handle: (call) =>
      call.commit(
        removeMember(call.params.email, call.id),
        (removed) => removedAs(removed, renderMember),
      ),
  }),
];
