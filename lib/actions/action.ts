import type { JsonObject } from "../json/json_value.ts";

/** One concrete intended call. A part that the caller did not name is null. */
export interface Action {
  readonly tenant: string | null;
  readonly resource: string | null;
  readonly tool: string;
  readonly method: string | null;
  readonly arguments: JsonObject;
}
