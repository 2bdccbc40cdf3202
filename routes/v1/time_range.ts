import { z } from "zod";

const time = z.iso.datetime({
  offset: true,
  error: "must be a time such as 2026-01-31T12:00:00.000Z",
}).transform((text) => Date.parse(text));

/** Query fields of a span of time; milliseconds once parsed. */
export const timeRange = {
  since: time.optional().describe("From this time on, RFC 3339"),
  until: time.optional().describe("Before this time, RFC 3339"),
};

/** A bound as entries tell it; null when it was not given. */
export function timeText(time: number | undefined): string | null {
  return time === undefined ? null : new Date(time).toISOString();
}
