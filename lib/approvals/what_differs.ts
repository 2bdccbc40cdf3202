import { differingFacts } from "../base/action.ts";
import { MAX_DIFFERING_POINTERS } from "../base/json.ts";
import type { JsonObject, JsonValue } from "../json/json_value.ts";
import { valueAtPointer } from "../json/value_at_pointer.ts";

/** A call of a tool as far as it is compared; the tool is the same. */
export interface Compared {
  readonly tenant: string | null;
  readonly resource: string | null;
  readonly method: string | null;
  /** Null where they were erased. */
  readonly arguments: JsonObject | null;
}

/** One place in which two calls differ. */
export interface Difference {
  /** RFC 6901, into the action's fields as the API names them: `/tenant_id`, `/arguments/amount`. */
  readonly pointer: string;
  /** `added`: only the later call has it. `removed`: only the earlier one. */
  readonly kind: "added" | "removed" | "changed";
  /** Null also for what was added. */
  readonly before: JsonValue;
  /** Null also for what was removed. */
  readonly after: JsonValue;
}

/** In what two calls differ. */
export interface Differences {
  readonly differences: readonly Difference[];
  /** Whether there may be more of them than are listed. */
  readonly more: boolean;
  /** False when the arguments of one were erased: then only tenant, resource and method count. */
  readonly arguments_known: boolean;
}

/** In what a call differs from an earlier one of the same tool, sorted by place, at most 50. */
export function whatDiffers(before: Compared, after: Compared): Differences {
  const known = before.arguments !== null && after.arguments !== null;
  const [a, b] = [before, after].map((compared) => ({
    tool: "",
    tenant: compared.tenant,
    resource: compared.resource,
    method: compared.method,
    arguments: known ? compared.arguments ?? {} : {},
  })) as [Fields, Fields];
  const pointers = differingFacts(a, b);
  return {
    differences: pointers.map((pointer) => differenceAt(fieldsOf(a), fieldsOf(b), pointer)),
    more: pointers.length >= MAX_DIFFERING_POINTERS,
    arguments_known: known,
  };
}

type Fields = Parameters<typeof differingFacts>[0];

/** The fields as the API names them; one that is not named is not there. */
function fieldsOf({ tenant, resource, method, arguments: args }: Fields): JsonObject {
  return {
    ...(tenant === null ? {} : { tenant_id: tenant }),
    ...(resource === null ? {} : { resource_id: resource }),
    ...(method === null ? {} : { method }),
    arguments: args,
  };
}

function differenceAt(a: JsonObject, b: JsonObject, pointer: string): Difference {
  const before = valueAtPointer(a, pointer);
  const after = valueAtPointer(b, pointer);
  const kind = before === undefined ? "added" : after === undefined ? "removed" : "changed";
  return { pointer, kind, before: before ?? null, after: after ?? null };
}
