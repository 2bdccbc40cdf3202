import type { Finding } from "../lib/store/records/guards.ts";
import { UntrustedText } from "./untrusted.tsx";

/** What guards found, where people read of it: kind and place, and never the text. */

/** Guards in words; those of both sides have one name. */
export const GUARD_WORDS: Readonly<Record<string, string>> = {
  path_traversal: "Paths",
  injection: "Injection",
  secrets: "Secrets",
  topics: "Topics",
  command: "Command line",
  sql: "SQL",
  credentials: "Credentials",
  personal_data: "Personal data",
  size: "Size",
};

/** Each finding on a line of its own. */
export function FindingList({ findings }: { readonly findings: readonly Finding[] }) {
  return (
    <ul class="findings">
      {findings.map(({ guard, kind, pointer, count }, at) => (
        <li key={at}>
          {GUARD_WORDS[guard] ?? guard}: {kind.replaceAll("_", " ")}
          {pointer !== undefined && (
            <>
              {" at "}
              <UntrustedText text={pointer} mono />
            </>
          )}
          {count > 1 && <span class="quiet">{` ${count} times`}</span>}
        </li>
      ))}
    </ul>
  );
}
