import { isJsonObject, type JsonValue } from "../base/json.ts";
import { mayGrant, type Right, type Role } from "../policy/rights.ts";
import type { StoryEntry } from "./story_entry.ts";

/**
 * What an entry gives that not everybody may give who writes its like: keys that speak for people,
 * settings that let more through, roles. The service's rules once more, apart from its code.
 */

/** Something that only some may give. */
export interface Power {
  readonly what: string;
  /** What a member needs to give it. */
  readonly right: Right;
  /** Whether a key gives it as long as no owner has a passkey. */
  readonly keysUntilOwner: boolean;
}

/** What an entry gives that is for owners; null for nothing. */
export function powerIn({ type, data }: StoryEntry): Power | null {
  if (type === "api_key.created") return powerOfKey(data);
  if (type !== "org.set" || !isJsonObject(data.changed)) return null;
  const { changed } = data;
  const loosened = LOOSE.find(([name, value]) => changed[name] === value);
  if (loosened === undefined) return null;
  const what = `the setting ${loosened[0]}, which lets more through,`;
  return { what, right: "widen_settings", keysUntilOwner: false };
}

/** The value of a setting by which it lets more through than by any other. */
const LOOSE: readonly (readonly [name: string, value: JsonValue])[] = [
  ["separation_of_duties", false],
  ["api_decisions", true],
  ["confirm_by", "app"],
  ["allow_personal_ids", true],
];

function powerOfKey(data: StoryEntry["data"]): Power | null {
  const right = "make_approver_keys";
  if (data.tier === "approver") return { what: "an approver key", right, keysUntilOwner: false };
  if (data.audit_private === true) {
    return { what: "a key that reads private parts", right, keysUntilOwner: false };
  }
  if (data.user_passkeys === true) {
    return { what: "a key that speaks for passkeys of users", right, keysUntilOwner: true };
  }
  return null;
}

/**
 * The roles that an entry gives and takes; none for one that is about no membership, or about that of
 * whoever leaves.
 * @param had the role that its member had before; null where there was none
 */
export function rolesIn(entry: StoryEntry, had: string | null): string[] {
  const { type, actor, data } = entry;
  if (!ROLE_TYPES.has(type)) return [];
  if (type === "member.removed" && entry.subject("member") === actor.id) return [];
  const told = isJsonObject(data.changed) ? data.changed : data;
  return [had, told.role].filter((role) => typeof role === "string");
}

const ROLE_TYPES: ReadonlySet<string> = new Set([
  ...["member.set", "member.invited", "member.removed"],
]);

/** Whether whoever gives and takes roles may: a key those that rule nobody, a member none above their own. */
export function mayGive(own: Role | "key", roles: readonly string[]): boolean {
  return roles.every((role) =>
    own === "key" ? GIVEN_BY_KEYS.has(role) : isRole(role) && mayGrant(own, role)
  );
}

const GIVEN_BY_KEYS: ReadonlySet<string> = new Set(["approver", "viewer"]);

const ROLES: ReadonlySet<string> = new Set<Role>(["owner", "admin", "approver", "viewer"]);

export function isRole(role: string): role is Role {
  return ROLES.has(role);
}

/** What somebody whose account was recovered does not do until the hold is over. */
export const HELD_TYPES: ReadonlySet<string> = new Set([
  ...["api_key.created", "agent.created", "agent.rotated"],
  ...["member.set", "member.invited", "recovery.confirmed"],
]);
