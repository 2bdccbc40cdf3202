import { isJsonObject, type JsonObject, type JsonValue } from "../../lib/base/json.ts";
import type { AnyRefusal, RefusalCode } from "../../lib/refusal.ts";
import { errorMember } from "./error_member.ts";
import { type ProblemCode, type ProblemKind, PROBLEMS, type SurfaceData } from "./problems.ts";

/** A refusal of the HTTP surface itself. */
export class SurfaceRefusal<C extends keyof SurfaceData = keyof SurfaceData> extends Error {
  constructor(readonly code: C, readonly data: SurfaceData[C]) {
    super(code);
  }
}

/** An RFC 9457 problem document. */
interface Problem {
  readonly status: number;
  readonly body: JsonObject;
}

/** The problem document of a refusal. */
export function problemOf(
  refusal: AnyRefusal | SurfaceRefusal,
  request: { path: string; id: string },
): Problem {
  const code: ProblemCode = refusal.code;
  const kind = PROBLEMS[code] as ProblemKind<unknown>;
  const { data } = refusal;
  const next: JsonValue | undefined = kind.next?.(data);
  const detail = kind.detail(data);
  const errors = "errors" in data ? data.errors : [];
  return {
    status: kind.status,
    body: {
      ...errorMember(request.path, { code, detail, errors }),
      type: `/docs/errors#${code}`,
      title: kind.title,
      status: kind.status,
      detail,
      instance: request.path,
      code,
      request_id: request.id,
      ...kind.members?.(data),
      ...(next === undefined ? {} : { next }),
    },
  };
}

/** After how many seconds it makes sense to try again; null where nobody can say. */
export function retryAfter(refusal: AnyRefusal | SurfaceRefusal): number | null {
  const kind = PROBLEMS[refusal.code] as ProblemKind<unknown>;
  const next: JsonValue | undefined = kind.next?.(refusal.data);
  if (!isJsonObject(next)) return null;
  return typeof next.retry_after_seconds === "number" ? next.retry_after_seconds : null;
}

/** Whether the answer with this code is kept for a repeated request. */
export function isKept(code: RefusalCode): boolean {
  const { status } = PROBLEMS[code];
  return ![401, 403, 429].includes(status) && status < 500;
}
