import { Buffer } from "node:buffer";
import { hash } from "node:crypto";
import { serialize } from "node:v8";
import { canonicalJson } from "../base/canonical.ts";
import {
  differingPointers,
  isDeeper,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  memberOf,
} from "../base/json.ts";
import { isDotSegment, visibleLine, visibleText } from "../base/text.ts";
import { checkParameterSchema } from "../schema/check.ts";
import type { DefinitionTexts, RefusedTool, UpstreamRecord } from "../store/records/upstream.ts";
import type { UpstreamCredential } from "../store/records/vault.ts";
import type { ListedTool } from "../upstreams/port.ts";

/**
 * What an upstream says of its tools, read as a stranger's words: which can be taken, under which
 * names agents find them, the digest that stands for a whole definition, and where two definitions
 * differ. Pure.
 */

/** How many tools one upstream may have here, and how large the definition of one is at most. */
export const TOOL_LIMITS = { tools: 1000, definition_bytes: 48 * 1024 } as const;

/** How many refused tools are remembered by name. */
const REFUSED_KEPT = 100;

/** What a tool of the catalog can be called, which a name of MCP mostly is as well. */
const CATALOG_NAME = /^[A-Za-z0-9_.:/-]{1,128}$/;

/** What agents' hosts take for a name of a tool. */
const EXPOSED_NAME = /^[A-Za-z0-9_.-]{1,64}$/;

const EXPOSED_CHARACTERS = 64;

/** How deep a definition may nest: what follows recurses as deep as that. */
const MAX_DEPTH = 64;

/** Characters of a description that are taken over. */
const DESCRIPTION_CHARACTERS = 2000;

/** Bytes that description and schema may take as a part of the record of a tool. */
const MAX_RECORDED_BYTES = 50_000;

/** Where an upstream is, as far as another place would be another tool. */
type Place = Pick<UpstreamRecord, "kind" | "url" | "headers" | "credential">;

/** A tool of an upstream that the catalog can take. */
export interface Offer {
  /** Its name at the upstream. */
  readonly tool: string;
  /** `<upstream>/<tool>`. */
  readonly catalog_name: string;
  /** The whole of it, as it came. */
  readonly definition: JsonObject;
  /** Both in RFC 8785 form, once for all that is made of them. */
  readonly texts: DefinitionTexts;
  readonly digest: string;
  /** As the catalog shows it: cut, and with hidden characters made visible. */
  readonly description: string;
  readonly parameters: JsonObject;
  /** Of an operation of an HTTP API: by which it is asked. */
  readonly method: string | null;
}

/**
 * The digest of a tool: `sha256:` and the lower-case hex SHA-256 of the RFC 8785 form of its whole
 * definition, of where it runs and of whose account acts. No member is left out: what an agent or a
 * person could be misled by is not to be foreseen.
 */
export function definitionDigest(
  { kind, url, headers, credential }: Place,
  definition: JsonObject,
): string {
  return digestOf({ kind, url, headers, credential }, canonicalJson(definition));
}

/** @param text the definition in RFC 8785 form, which is large: it is made once */
function digestOf({ kind, url, headers, credential }: Place, text: string): string {
  // Without one it is what it was before there were any.
  const acting = credential === null ? {} : { credential: actingOf(credential) };
  const upstream = canonicalJson({ kind, url, headers, ...acting });
  return `sha256:${hash("sha256", `{"definition":${text},"upstream":${upstream},"v":1}`, "hex")}`;
}

/** Whose account acts. With whose the tools are asked for, where members act, is no part of it. */
export function actingOf(credential: UpstreamCredential): JsonObject {
  return credential.mode === "member" ? { mode: "member" } : credential;
}

/**
 * A name of at most 64 characters of `A-Z a-z 0-9 _ . -` that stands for a whole name: that itself
 * where it is one, or else as much of it as there is room for and 8 hex digits of its SHA-256. Two
 * whole names may still come to one, so whoever takes it sees to it that it is free. It is never
 * parsed back.
 */
export function exposedName(whole: string): string {
  if (EXPOSED_NAME.test(whole)) return whole;
  const digest = hash("sha256", whole, "hex").slice(0, 8);
  const kept = whole.replace(/[^A-Za-z0-9_.-]/g, "_").slice(0, EXPOSED_CHARACTERS - 9);
  return `${kept}_${digest}`;
}

/** The whole name of a tool among those of all upstreams, of which agents are told `exposedName`. */
export function gatewayName(upstream: string, tool: string): string {
  return `${upstream}__${tool}`;
}

/**
 * Reads what an upstream lists, one tool after the other. What cannot be taken is refused by name, and
 * no reason to refuse the rest.
 */
export class Offers {
  readonly refused: RefusedTool[] = [];
  /** What was taken, by its names at the upstream. */
  readonly names = new Set<string>();
  readonly #bare = new Set<string>();

  constructor(readonly upstream: Place & Pick<UpstreamRecord, "name">) {}

  /** The tool as the catalog can take it; null for one that is refused. */
  read(listed: ListedTool): Offer | null {
    const { name, definition } = listed;
    const { upstream, names } = this;
    const texts = textsOf(listed);
    const catalog_name = `${upstream.name}/${name}`;
    const alone = exposedName(name);
    const problem = names.size >= TOOL_LIMITS.tools
      ? `is beyond the ${TOOL_LIMITS.tools} tools that are taken of one upstream`
      : names.has(name)
      ? "has the name of another tool in the list"
      : nameProblem(catalog_name) ??
        (this.#bare.has(alone) ? `would be called ${alone}, as another tool is` : null) ??
        definitionProblem(definition, texts);
    if (problem !== null || texts === null) return this.#refuse(name, problem ?? HOLDS_NO_JSON);
    const { description, inputSchema } = definition;
    const parameters = inputSchema as JsonObject;
    const method = upstream.kind === "openapi" ? memberOf(definition["http"], "method") : null;
    const shown = typeof description === "string" ? shownDescription(description) : "";
    // What is short is so in the store, too, where each character has two bytes and each value two.
    const isShort = 4 * texts.definition.length < MAX_RECORDED_BYTES;
    if (!isShort && serialize({ shown, parameters }).length > MAX_RECORDED_BYTES) {
      return this.#refuse(name, "has a schema that is larger than the catalog stores");
    }
    names.add(name);
    this.#bare.add(alone);
    return {
      tool: name,
      catalog_name,
      definition,
      texts,
      digest: digestOf(upstream, texts.definition),
      description: shown,
      parameters,
      method: typeof method === "string" ? method : null,
    };
  }

  #refuse(name: string, why: string): null {
    if (this.refused.length < REFUSED_KEPT) {
      this.refused.push({ name: visibleLine(name, 128), why });
    }
    return null;
  }
}

function nameProblem(catalogName: string): string | null {
  if (catalogName.length > 128) return "has a longer name than the catalog takes";
  if (!CATALOG_NAME.test(catalogName)) {
    return "has a name with other characters than letters, digits and _ . : / -";
  }
  const segments = catalogName.split("/");
  const isPath = segments.some((segment) => segment === "" || isDotSegment(segment));
  return isPath ? "has a name that could be read as a path" : null;
}

const HOLDS_NO_JSON = "has a definition that holds what JSON does not";

function definitionProblem(definition: JsonObject, texts: DefinitionTexts | null): string | null {
  if (texts === null) {
    return isDeeper(definition, MAX_DEPTH)
      ? `has a definition that nests deeper than ${MAX_DEPTH} levels`
      : HOLDS_NO_JSON;
  }
  const bytes = Buffer.byteLength(texts.definition);
  if (bytes > TOOL_LIMITS.definition_bytes) {
    return `has a definition of ${bytes} bytes, and ${TOOL_LIMITS.definition_bytes} are taken`;
  }
  const { inputSchema } = definition;
  if (!isJsonObject(inputSchema)) return "has no inputSchema that is an object";
  const [unusable] = checkParameterSchema(inputSchema, Buffer.byteLength(texts.schema));
  if (unusable === undefined) return null;
  const at = unusable.path === "" ? "" : ` at ${visibleLine(unusable.path, 100)}`;
  return `has an inputSchema that${at} ${visibleLine(unusable.message, 200)}`;
}

/** Null for what has no RFC 8785 form: half a surrogate pair, a number too large, or what is too deep. */
function textsOf({ definition, texts }: ListedTool): DefinitionTexts | null {
  if (isDeeper(definition, MAX_DEPTH)) return null;
  try {
    return texts ?? {
      definition: canonicalJson(definition),
      schema: canonicalJson(definition["inputSchema"] ?? null),
    };
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

function shownDescription(text: string): string {
  const shown = visibleText(text, { lines: true });
  if (shown.length <= DESCRIPTION_CHARACTERS) return shown;
  return [...shown].slice(0, DESCRIPTION_CHARACTERS - 1).join("") + "…";
}

/** How many places are named where two definitions differ. */
const DIFFERENCES_NAMED = 20;

const POINTER_CHARACTERS = 200;

/**
 * Where two definitions differ, as JSON pointers (RFC 6901) of the members that are other, new or
 * gone: the first 20, which can be shown as they are. Empty where they are the same.
 */
export function differences(old: JsonObject, next: JsonObject): string[] {
  return differingPointers(old, next).slice(0, DIFFERENCES_NAMED)
    .map((pointer) => visibleLine(pointer, POINTER_CHARACTERS));
}

/** In what two definitions differ, where that is little; it is asked about all the same. */
export type SmallDifference = "titles" | "white space" | "titles and white space";

/**
 * Whether two definitions differ in nothing but the titles that hosts show, or in spaces, tabs and
 * line breaks between words. Null where they differ in more, or not at all.
 */
export function smallDifference(old: JsonObject, next: JsonObject): SmallDifference | null {
  const isSame = (form: (definition: JsonObject) => JsonValue) =>
    canonicalJson(form(old)) === canonicalJson(form(next));
  if (isSame((definition) => definition)) return null;
  if (isSame(withoutTitles)) return "titles";
  if (isSame(evenlySpaced)) return "white space";
  const isNeither = isSame((definition) => evenlySpaced(withoutTitles(definition)));
  return isNeither ? "titles and white space" : null;
}

/** Without its title, also as old hosts look for it. */
function withoutTitles({ title: _title, ...rest }: JsonObject): JsonObject {
  const { annotations } = rest;
  if (!isJsonObject(annotations)) return rest;
  const { title: _of, ...others } = annotations;
  return { ...rest, annotations: others };
}

function evenlySpaced(value: JsonValue): JsonValue {
  if (typeof value === "string") return value.replace(/[ \t\r\n]+/g, " ").trim();
  if (Array.isArray(value)) return value.map(evenlySpaced);
  if (!isJsonObject(value)) return value;
  const members = Object.entries(value).map(([name, member]) => [name, evenlySpaced(member)]);
  return Object.fromEntries(members);
}
