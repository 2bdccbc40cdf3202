import type { JsonValue } from "../lib/json/json_value.ts";

/** An answer in JSON. `granted` when repeating it would grant something again. */
export interface Answer {
  readonly status: number;
  readonly body: JsonValue;
  readonly headers?: Readonly<Record<string, string>>;
  readonly granted?: { readonly token_id: string | null };
  /** See `Keepable.unfinished_ms`: the request goes on after this commit. */
  readonly unfinished_ms?: number;
}
