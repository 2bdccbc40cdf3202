import type { JsonObject } from "../../lib/base/json.ts";
import type { InputProblem } from "../../lib/refusal.ts";

/**
 * What clients of Allowly's API look for in a refusal: a member `error` beside those of a problem
 * document, which RFC 9457 section 3.2 lets a problem have.
 */

/** Below this, refusals have it. */
export const ALLOWLY = "/allowly";

/** Codes that have another name there, by what the path is about. */
const NAMES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  policies: { not_found: "policy_not_found" },
  authorizations: { mandate_not_found: "authorization_not_found", not_found: "policy_not_found" },
  receipts: { not_found: "receipt_not_found", mandate_not_found: "authorization_not_found" },
  confirmations: { not_found: "confirmation_not_found" },
  escalations: { not_found: "escalation_not_found" },
};

/** The member of a refusal; nothing on every other surface. */
export function errorMember(
  path: string,
  { code, detail, errors }: {
    readonly code: string;
    readonly detail: string;
    readonly errors: readonly InputProblem[];
  },
): JsonObject {
  if (!path.startsWith(`${ALLOWLY}/`)) return {};
  const about = path.split("/")[3] ?? "";
  return {
    error: {
      code: NAMES[about]?.[code] ?? code,
      message: detail,
      fields: errors.map(({ path, message }) => ({ field: fieldOf(path), message })),
    },
  };
}

/** A JSON pointer as a name with dots. */
function fieldOf(pointer: string): string {
  return pointer.slice(1).replaceAll("/", ".").replaceAll("~1", "/").replaceAll("~0", "~");
}
