import { hash } from "node:crypto";
import { z } from "zod";
import type { FieldError } from "../../components/form.tsx";
import { canonicalJson } from "../../lib/base/canonical.ts";
import type { JsonObject } from "../../lib/base/json.ts";
import type { CallerOperation } from "../../lib/identity/acting.ts";
import type { Transaction } from "../../lib/ledger/transaction.ts";
import { invalidRequest } from "../../lib/refusal.ts";
import { text } from "./form.ts";
import type { Attempt } from "./page.ts";

/** A form as it is to be shown: as it was typed where it was refused, else as it stands. */
export interface AttemptedForm {
  /** The text of a field. */
  value(name: string, otherwise?: string | number | null): string;
  /** The ticked ones of several boxes. */
  values(name: string, otherwise?: readonly string[]): string[];
  checked(name: string, otherwise?: boolean): boolean;
  /** What is wrong with a field, or with a part of it. */
  error(name: string): string | undefined;
  /** Everything that is wrong, for `FieldErrors`. */
  readonly errors: readonly FieldError[];
  /** Whether this is the form that was refused. */
  readonly refused: boolean;
}

/** The state of the form that does `name`, after whatever was refused on this page. */
export function attempted(attempt: Attempt | null, name: string): AttemptedForm {
  const own = attempt?.do === name ? attempt : null;
  const problems = (own?.errors ?? []).map(({ path, message }) => ({
    name: path.split("/")[1] ?? "",
    message,
  }));
  return {
    refused: own !== null,
    value: (field, otherwise) => own === null ? `${otherwise ?? ""}` : own.values[field]?.[0] ?? "",
    values: (field, otherwise = []) => [...(own === null ? otherwise : own.values[field] ?? [])],
    checked: (field, otherwise = false) =>
      own === null ? otherwise : (own.values[field] ?? []).length > 0,
    error: (field) => problems.find((problem) => problem.name === field)?.message,
    errors: own === null
      ? []
      : problems.length === 0
      ? [{ name: null, message: own.message }]
      : problems.map(({ name: field, message }) => ({
        name: field === "" ? null : field,
        message: field === "" ? message : `${field.replaceAll("_", " ")}: ${message}`,
      })),
  };
}

/** Why an operation does not go on, and at which field of the form that is said. */
interface Objection {
  /** The JSON pointer of the field; empty when it is about the whole form. */
  readonly path: string;
  readonly message: string;
}

/**
 * The operation, refused where the policy is not what the form that asks for it was made from: two
 * people at the same record do not undo each other unseen, and what is made replaces nothing.
 * @throws {Refusal} invalid_request besides what the operation refuses
 */
export function asShown<L, R>(
  operation: CallerOperation<L, R>,
  objection: (transaction: Transaction, loaded: L) => Objection | null,
): CallerOperation<L, R> {
  return {
    ...operation,
    plan(transaction, caller, loaded) {
      const found = objection(transaction, loaded);
      if (found !== null) throw invalidRequest(found.path, found.message);
      return operation.plan(transaction, caller, loaded);
    },
  };
}

/** What stands against a change of a record that was changed since the form showed it. */
export function changedSince(
  record: { readonly updated_at: number } | undefined,
  seen: number,
): Objection | null {
  if (record === undefined || record.updated_at === seen) return null;
  return {
    path: "",
    message: "Somebody changed it while this form was open. Load the page again, look at what " +
      "it says now, and make your change to that.",
  };
}

/** The hidden field in which a form says what it was made from, where no time of change tells. */
export const shownField = text(z.string().regex(/^[0-9a-f]{64}$/, "isn't what the page sent"));

/** What a form was made from, in one line. */
export function shownState(state: JsonObject): string {
  return hash("sha256", canonicalJson(state));
}

/** What stands against a change of something that is not as the form showed it any more. */
export function changedFrom(state: JsonObject, shown: string): Objection | null {
  if (shownState(state) === shown) return null;
  return {
    path: "",
    message: "Somebody changed it while this form was open. Load the page again, look at what " +
      "it says now, and make your change to that.",
  };
}

/** A value that a form of filters sends: empty is the same as absent. */
export const queryText = z.string().max(256, "has at most 256 characters").trim().optional()
  .transform((value) => value === undefined || value === "" ? null : value);
