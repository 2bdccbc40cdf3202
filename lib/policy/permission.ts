/** What a rule grants and what a decision answers, from the widest to the strictest. */
export const PERMISSIONS = ["allowed", "requires_approval", "disabled"] as const;

export type Permission = (typeof PERMISSIONS)[number];

/** The stricter of two permissions: `disabled` over `requires_approval` over `allowed`. */
export function stricter(a: Permission, b: Permission): Permission {
  return PERMISSIONS.indexOf(a) >= PERMISSIONS.indexOf(b) ? a : b;
}
