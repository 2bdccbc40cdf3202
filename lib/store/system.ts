import type { LogLine } from "../deps.ts";

/** Anything that begins like one of our secrets, up to where it can end. */
const SECRETS = /\bcs_(live|mgmt|appr|agent|run|at|rt)_[\x21-\x7e]+/g;

const ADDRESSES = /[^\s"'<>@]+@[^\s"'<>@]+/g;

/**
 * One line of the log as JSON: time, level, message, fields. A secret or an e-mail address that
 * slipped into a text, say of an error, is cut out: no caller should hand one over, and none gets
 * out if one does.
 */
export function formatLogLine(at: Date, ...[level, message, fields = {}]: Parameters<LogLine>) {
  const cut = (_name: string, value: unknown) =>
    typeof value === "string" ? value.replace(SECRETS, "cs_$1_…").replace(ADDRESSES, "…@…") : value;
  return JSON.stringify({ at: at.toISOString(), level, message, ...fields }, cut);
}

/** Writes one line of JSON to standard error. */
export const logLine: LogLine = (level, message, fields = {}) => {
  console.error(formatLogLine(new Date(), level, message, fields));
};
