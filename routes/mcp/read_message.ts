import { StrictScan } from "../../lib/base/strict_json.ts";
import { decodeUtf8 } from "../../lib/json/decode_utf8.ts";
import type { Frame } from "../../lib/json/json_frames.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../lib/json/json_value.ts";
import { DEFAULT_MAX_DEPTH } from "../../lib/json/parse_strict.ts";
import { type AnyRefusal, Refusal } from "../../lib/refusal.ts";
import { parseBody } from "../http/inputs.ts";

/** What a body holds: what to serve, or the error of JSON-RPC to answer with. */
export type ReadMessage =
  | { readonly body: JsonValue; readonly refusedArguments: AnyRefusal | null }
  | { readonly fault: JsonObject };

/** The one revision of the protocol that has batches. */
const BATCH_REVISION = "2025-03-26";

const NO_BATCH = {
  fault: {
    jsonrpc: "2.0",
    id: null,
    error: {
      code: -32600,
      message: `Invalid Request: only revision ${BATCH_REVISION} has batches; send one message ` +
        "in each request",
    },
  },
};

/** How many refusals of one body are read around: a list of ids at most, at little cost. */
const MAX_REFUSALS = 1000;

/** Where the arguments of a call stand in its message. */
const ARGUMENTS = ["params", "arguments"] as const;

const ARGUMENTS_POINTER = ARGUMENTS.map((name) => `/${name}`).join("");

/**
 * Reads a body as JSON by the rules of the API. Agents send numbers in arguments that a double does
 * not hold: a call of which the arguments alone are refused is served without them, so that the model
 * behind it is told what to correct. Every other refusal is an error of the protocol.
 *
 * @param revision what `MCP-Protocol-Version` says; null is 2025-03-26, which had no such header
 */
export function readMessage(bytes: Uint8Array, revision: string | null): ReadMessage {
  try {
    const body = parseBody(bytes);
    if (Array.isArray(body) && revision !== null && revision !== BATCH_REVISION) return NO_BATCH;
    return { body, refusedArguments: null };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const decoded = decodeUtf8(bytes);
    const envelope = decoded.ok ? envelopeOf(decoded.text) : NO_ENVELOPE;
    const { id, call } = envelope;
    return call === null
      ? { fault: faultOf(error, id) }
      : { body: call, refusedArguments: withinArguments(error) };
  }
}

/** What can be told of a message of which something is refused. */
interface Envelope {
  /** The id of the request; null where readers could take different ones for it. */
  readonly id: string | number | null;
  /** The call of a tool, without its arguments; null unless these alone are refused. */
  readonly call: JsonObject | null;
}

const NO_ENVELOPE: Envelope = { id: null, call: null };

/** Reads around what is refused. What is read stands once, and outside of everything refused. */
function envelopeOf(text: string): Envelope {
  let refusals = 0;
  let otherRefused = false;
  let readable = true;
  const refusal = new StrictScan(text, DEFAULT_MAX_DEPTH, (frames) => {
    refusals++;
    if (!isInArguments(frames)) otherRefused = true;
    readable = refusals <= MAX_REFUSALS && memberAt(frames[0]) !== "id";
    return readable;
  }).run();
  if (refusal?.code === "malformed_json" || !readable) return NO_ENVELOPE;
  const message: unknown = JSON.parse(text);
  if (!isJsonObject(message)) return NO_ENVELOPE;
  const { id, method, params } = message;
  // JSON-RPC takes fractions for an id; MCP does not.
  if (typeof id !== "string" && !Number.isSafeInteger(id)) return NO_ENVELOPE;
  const known = { id: id as string | number };
  if (otherRefused || method !== "tools/call" || !isJsonObject(params)) {
    return { ...known, call: null };
  }
  return { ...known, call: { ...message, params: { ...params, arguments: {} } } };
}

/** Whether a place lies within the arguments; a second member of their name does not. */
function isInArguments(frames: readonly Frame[]): boolean {
  return frames.length > ARGUMENTS.length &&
    ARGUMENTS.every((name, depth) => memberAt(frames[depth]) === name);
}

/** The member of an open object that a place belongs to; undefined for the object itself. */
function memberAt(frame: Frame | undefined): string | undefined {
  return frame?.inside === true ? frame.names?.at(-1) : undefined;
}

/** The refusal with pointers into the arguments, as those that their schema refuses have. */
function withinArguments(refusal: AnyRefusal): AnyRefusal {
  if (refusal.code !== "duplicate_key" && refusal.code !== "invalid_request") return refusal;
  const errors = refusal.data.errors.map(({ path, message }) => ({
    path: path.slice(ARGUMENTS_POINTER.length),
    message,
  }));
  return refusal.code === "duplicate_key"
    ? new Refusal("duplicate_key", { errors })
    : new Refusal("invalid_request", { errors });
}

/** JSON-RPC 2.0 section 5: an error, with the id of the request where that can be told. */
function faultOf({ code, data }: AnyRefusal, id: string | number | null): JsonObject {
  const errors = "errors" in data
    ? data.errors.map(({ path, message }) => ({ path, message }))
    : [];
  const [first] = errors;
  const reason = "message" in data
    ? data.message
    : first === undefined
    ? "The message is not taken as JSON"
    : `${first.path} ${first.message}`.trimStart();
  return {
    jsonrpc: "2.0",
    id,
    error: {
      code: -32700,
      message: `Parse error: ${reason}`,
      data: { code, ...(errors.length === 0 ? {} : { errors }) },
    },
  };
}
