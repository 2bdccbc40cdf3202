const JSON_TYPE = "application/json";

const STREAM_TYPE = "text/event-stream";

/** What a client of the protocol sends (Streamable HTTP, "Sending Messages to the Server"). */
const BOTH = `${JSON_TYPE}, ${STREAM_TYPE}`;

/**
 * The `Accept` of a request as the protocol writes it where it takes both kinds of answer, whatever
 * the case of its letters: by name, by a range, or by saying nothing (RFC 9110 section 12.5.1).
 * Anything else as it came.
 */
export function acceptedTypes(accept: string | null): string {
  if (accept === null || accept.trim() === "") return BOTH;
  const ranges = accept.toLowerCase().split(",").map(rangeOf).filter(({ taken }) => taken);
  const takes = (type: string) =>
    ranges.some(({ range }) =>
      range === type || range === "*/*" || range === `${type.split("/")[0]}/*`
    );
  return takes(JSON_TYPE) && takes(STREAM_TYPE) ? BOTH : accept;
}

function rangeOf(part: string): { readonly range: string; readonly taken: boolean } {
  const [range = "", ...parameters] = part.split(";").map((piece) => piece.trim());
  return { range, taken: !parameters.some((one) => /^q\s*=\s*0(\.0*)?$/.test(one)) };
}
