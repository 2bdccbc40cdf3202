import type { Client } from "../identity/client.ts";
import { type RecordedRefusal, Refusal, type RefusalCode, resultOf } from "../refusal.ts";
import type { Services } from "../services.ts";

/** Refusals of what a stranger could have made up. */
const COUNTED: ReadonlySet<RefusalCode> = new Set(
  [
    "assertion_not_accepted",
    "code_not_accepted",
    "link_not_valid",
  ] satisfies RefusalCode[],
);

/**
 * What an attempt to get in comes to; a refusal is thrown, recorded or not.
 * Wrong attempts are counted by where they came from.
 */
export async function counted<R>(
  { deps, failedAttempts }: Services,
  { ip }: Pick<Client, "ip">,
  attempt: () => Promise<R | RecordedRefusal>,
): Promise<R> {
  try {
    return resultOf(await attempt());
  } catch (error) {
    if (error instanceof Refusal && COUNTED.has(error.code)) failedAttempts.note(ip, deps.now());
    throw error;
  }
}
