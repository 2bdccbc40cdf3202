/** Why a text is not taken as JSON. `path` is the RFC 6901 pointer of the place. */
export interface JsonRefusal {
  readonly ok: false;
  readonly code: "malformed_json" | "duplicate_key" | "invalid_request";
  readonly path: string;
  readonly message: string;
}
