import { z } from "zod";

/**
 * Ids of the members who answer for what is asked with a secret: whoever made it, rotated it or was
 * shown it, and who answered for the key that did so. In the order in which they came to know it;
 * none ever goes, for nobody forgets a secret.
 */
export const membersBehind = z.array(z.string());

/** Rows of before named one member, or none. */
export function withMembersBehind(row: unknown): unknown {
  if (typeof row !== "object" || row === null || !("member_behind" in row)) return row;
  const { member_behind, ...rest } = row;
  if ("members_behind" in rest) return rest;
  return { ...rest, members_behind: member_behind === null ? [] : [member_behind] };
}
