import { type Scan, type Span } from "./scan.ts";

/**
 * Social security numbers of the United States: nine digits that were given out, in their own form,
 * or where a text calls them so. Reasons are not read for them: order numbers look alike.
 */

/** True for every text in which `findSsns` finds something. */
export const SSN_HINT = /\d{3}-\d{2}-\d{4}|\d{9}|\d{3} \d{2} \d{4}/;

/** The area is not 000, 666 or 900 and above, and no part is all zeros. */
const VALID = "(?!000|666|9)\\d{3}([- ]?)(?!00)\\d{2}\\1(?!0000)\\d{4}";

const WRITTEN = new RegExp(`(?<![\\w-])${VALID}(?![\\w-])`, "g");

const CALLED = /\b(?:ssn|social[ -]security(?:[ -](?:number|no\.?))?)\b[^\d\n]{0,12}$/i;

/** How much before a number may say what it is. */
const REACH = 48;

export function findSsns(scan: Scan): Span[] {
  const found: Span[] = [];
  for (let span = scan.findPattern(WRITTEN, 0); span !== null;) {
    const isDashed = scan.slice(span.start + 3, span.start + 4) === "-";
    const isCalled = () => CALLED.test(scan.slice(Math.max(0, span!.start - REACH), span!.start));
    if (isDashed || isCalled()) found.push(span);
    span = scan.findPattern(WRITTEN, span.end);
  }
  return found;
}
