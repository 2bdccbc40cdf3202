import type { LogLine } from "../deps.ts";

/** Writes one line of JSON to standard error: time, level, message, fields. */
export const logLine: LogLine = (level, message, fields = {}) => {
  console.error(JSON.stringify({ at: new Date().toISOString(), level, message, ...fields }));
};
