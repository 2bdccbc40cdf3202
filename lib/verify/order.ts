import type { byteLines } from "./byte_lines.ts";
import { parseExportLine } from "./export_line.ts";
import { entryFinding, type Finding } from "./finding.ts";

/** The lines still to come, as `byteLines` gives them. */
type Lines = ReturnType<typeof byteLines>;

/**
 * Names what is wrong with the order when the line for `expected` has another index.
 *
 * Reads on to the end of the export where it must, to tell a dropped entry from one moved back.
 */
export async function orderFinding(
  expected: number,
  got: number,
  batch: readonly Uint8Array[],
  rest: Lines,
): Promise<Finding> {
  if (got < expected) {
    return entryFinding(
      "index_duplicate",
      expected,
      `Entry ${got} is there twice: it stands again where entry ${expected} was expected`,
    );
  }
  if (await appearsLater(expected, batch, rest)) {
    return entryFinding(
      "index_swap",
      expected,
      `Entry ${got} stands where entry ${expected} was expected, and entry ${expected} comes later`,
    );
  }
  const missing = got - expected === 1
    ? `Entry ${expected} is missing`
    : `Entries ${expected} to ${got - 1} are missing`;
  return entryFinding("index_gap", expected, `${missing}: entry ${got} comes in their place`);
}

async function appearsLater(
  index: number,
  batch: readonly Uint8Array[],
  rest: Lines,
): Promise<boolean> {
  const has = (bytes: Uint8Array) => {
    const parsed = parseExportLine(bytes, index);
    return parsed.ok && parsed.line.index === index;
  };
  if (batch.some(has)) return true;
  for await (const lines of rest) if (lines.some(has)) return true;
  return false;
}
