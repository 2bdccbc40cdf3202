import { hash } from "node:crypto";
import { canonicalJson } from "../base/canonical.ts";
import { isJsonObject, type JsonObject, type JsonValue, memberOf } from "../base/json.ts";
import { visibleLine } from "../base/text.ts";
import { OPERATION_METHODS } from "../store/records/operation.ts";
import type { DefinitionTexts } from "../store/records/upstream.ts";
import { MAX_PATH, readOperation } from "./operations.ts";
import { type Dialect, objectAt, Schemas, Unusable } from "./schemas.ts";

/**
 * A document of OpenAPI 3.0 or 3.1, read as a stranger's words: each of its operations as a tool. One
 * that cannot be taken is no reason to refuse the others. Nothing is fetched, whatever it refers to.
 * Takes time in proportion to its length: schemas are read once, and an operation with more of them
 * than a tool may have is given up as soon as that is seen. Pure.
 */

/** Most operations of a document; as many as an upstream has tools are picked of them. */
export const MAX_OPERATIONS = 3000;

/** Most paths, with operations or without. */
const MAX_PATHS = 10_000;

/** Most bytes of the definitions of all operations together. */
const MAX_DEFINITIONS = 16 * 1024 * 1024;

/** An operation as the definition of a tool. */
export interface DocumentOperation {
  /** Its `operationId`; without one a name made of method and path. */
  readonly name: string;
  /** As MCP defines tools, and in `http` how it is asked. */
  readonly definition: JsonObject;
  readonly texts: DefinitionTexts;
}

/** What a document says. */
export interface ReadDocument {
  /** Its own words for itself, of one line; empty for none. */
  readonly title: string;
  readonly version: string;
  /** Where it says that it is, if that is a whole address. */
  readonly server: string | null;
  readonly operations: readonly DocumentOperation[];
  readonly refused: readonly { readonly name: string; readonly why: string }[];
}

/**
 * Reads a document; a text is why it cannot be read at all, and completes "The document …".
 * @param turn asked before each operation: what to wait for, for others to have their turn
 */
export async function readDocument(
  document: JsonObject,
  turn: () => Promise<void> | null,
): Promise<ReadDocument | string> {
  const dialect = dialectOf(document);
  if (dialect === null) {
    return "is none of OpenAPI 3.0 or 3.1: it has no `openapi` that says so. Convert an older one";
  }
  const paths = memberOf(document, "paths") ?? {};
  if (!isJsonObject(paths)) return "has `paths` that are no object";
  if (Object.keys(paths).length > MAX_PATHS) return `has more than ${MAX_PATHS} paths`;
  const schemas = new Schemas(document, dialect);
  const operations: DocumentOperation[] = [];
  const refused: { name: string; why: string }[] = [];
  const names = new Set<string>();
  let left = MAX_DEFINITIONS;
  let count = 0;
  for (const { method, path, item, operation, why } of placesIn(document, paths)) {
    const others = turn();
    if (others !== null) await others;
    if (++count > MAX_OPERATIONS) return `has more than ${MAX_OPERATIONS} operations`;
    const name = nameOf(method, path, operation, names);
    const refuse = (why: string) => refused.push({ name: visibleLine(name, 128), why });
    const known = OPERATION_METHODS.find((one) => one === method.toUpperCase());
    if (operation === null || item === null) {
      refuse(why ?? "is no object");
    } else if (known === undefined) {
      refuse(`is asked by ${method.toUpperCase()}, which is not passed on`);
    } else if (names.has(name)) {
      refuse("has the name of another operation");
    } else {
      names.add(name);
      try {
        const placed = { method: known, path, item, operation };
        const read = readOperation({ document, schemas }, placed);
        const made = { name, ...definitionOf(name, operation, read) };
        left -= made.texts.definition.length;
        if (left < 0) return "defines more than is taken: leave out what no agent is to use";
        operations.push(made);
      } catch (error) {
        if (!(error instanceof Unusable)) throw error;
        refuse(error.message);
      }
    }
  }
  const info = memberOf(document, "info");
  return {
    title: lineOf(memberOf(info, "title"), 200),
    version: lineOf(memberOf(info, "version"), 50),
    server: serverOf(document),
    operations,
    refused,
  };
}

function dialectOf(document: JsonObject): Dialect | null {
  const version = memberOf(document, "openapi");
  const [, dialect] = typeof version === "string"
    ? /^(3\.[01])\.[0-9]+(?:-[A-Za-z0-9.]+)?$/.exec(version) ?? []
    : [];
  return dialect === "3.0" || dialect === "3.1" ? dialect : null;
}

const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

interface Found {
  readonly method: string;
  readonly path: string;
  /** Null for what is none. */
  readonly item: JsonObject | null;
  readonly operation: JsonObject | null;
  /** Why there is none, where that is known. */
  readonly why?: string;
}

/** The operations of a document in its order. */
function* placesIn(document: JsonObject, paths: JsonObject): Generator<Found> {
  for (const [path, listed] of Object.entries(paths)) {
    // Extensions stand beside paths.
    if (!path.startsWith("/")) continue;
    let item: JsonObject | null = null;
    try {
      item = objectAt(document, listed);
    } catch (error) {
      if (!(error instanceof Unusable)) throw error;
      yield { method: "get", path, item: null, operation: null, why: error.message };
    }
    for (const method of METHODS) {
      const operation = memberOf(item ?? undefined, method);
      if (operation === undefined) continue;
      yield { method, path, item, operation: isJsonObject(operation) ? operation : null };
    }
  }
}

/** Characters of a name that is made: what agents' hosts take with the name of the upstream. */
const MADE_CHARACTERS = 60;

function nameOf(
  method: string,
  path: string,
  operation: JsonObject | null,
  taken: ReadonlySet<string>,
): string {
  const id = memberOf(operation ?? undefined, "operationId");
  if (typeof id === "string" && id !== "") return id;
  // A longer one is refused, by a name that people can read.
  const made = `${method}${path.slice(0, MAX_PATH)}`.replace(/[{}]/g, "").replace(
    /[^A-Za-z0-9.-]+/g,
    "_",
  )
    .replace(/[_.]+$/, "");
  if (made.length <= MADE_CHARACTERS && !taken.has(made)) return made;
  const digest = hash("sha256", `${method} ${path}`, "hex").slice(0, 8);
  return `${made.slice(0, MADE_CHARACTERS - 9)}_${digest}`;
}

function definitionOf(
  name: string,
  operation: JsonObject,
  { schema, http }: ReturnType<typeof readOperation>,
): Pick<DocumentOperation, "definition" | "texts"> {
  const [summary, description] = ["summary", "description"]
    .map((member) => textOf(memberOf(operation, member)));
  const tags = memberOf(operation, "tags");
  const named = Array.isArray(tags) ? tags.filter((tag) => typeof tag === "string") : [];
  const elsewhere = serverOf(operation);
  const said = [
    summary !== "" && summary !== description ? summary : "",
    description,
    // Where requests go is the owner's word, not the document's.
    elsewhere === null ? "" : `(The document has it at ${elsewhere}.)`,
  ].filter((part) => part !== "").join("\n\n");
  const { body, method, path, parameters } = http;
  // In the order of RFC 8785, so that its text is made of that of the schema, which is most of it.
  const before = {
    ...(memberOf(operation, "deprecated") === true ? { deprecated: true } : {}),
    ...(said === "" ? {} : { description: said }),
    http: {
      body: body &&
        { argument: body.argument, encoding: body.encoding, media_type: body.media_type },
      method,
      parameters: parameters.map(({ argument, explode, in: place, json, name, style }) => (
        { argument, explode, in: place, json, name, style }
      )),
      path,
    },
  };
  const behind = {
    name,
    ...(named.length === 0 ? {} : { tags: named.slice(0, 20).map((tag) => lineOf(tag, 100)) }),
    ...(summary === "" ? {} : { title: summary }),
  };
  const [head, tail] = [canonicalJson(before), canonicalJson(behind)];
  return {
    definition: { ...before, inputSchema: schema.value, ...behind },
    texts: {
      definition: `${head.slice(0, -1)},"inputSchema":${schema.text},${tail.slice(1)}`,
      schema: schema.text,
    },
  };
}

/** Longest text of an operation that is a part of its definition, UTF-16 units. */
const MAX_TEXT = 4000;

function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value.slice(0, MAX_TEXT).toWellFormed().trim() : "";
}

function lineOf(value: JsonValue | undefined, characters: number): string {
  return visibleLine(textOf(value), characters);
}

/** Longest address of a server, with its variables and without. */
const MAX_SERVER = 2048;

/** The first server that is named with a whole address, its variables as they usually are. */
function serverOf(place: JsonObject): string | null {
  const servers = memberOf(place, "servers");
  const first = Array.isArray(servers) ? servers[0] : undefined;
  const url = memberOf(first, "url");
  if (typeof url !== "string" || url.length > MAX_SERVER) return null;
  const whole = url.replace(/\{([^{}]+)\}/g, (_, name: string) => {
    const usual = memberOf(memberOf(memberOf(first, "variables"), name), "default");
    return typeof usual === "string" && usual.length <= MAX_SERVER ? usual : "";
  });
  if (whole.length > MAX_SERVER) return null;
  return /^https?:\/\//i.test(whole) ? URL.parse(whole)?.href ?? null : null;
}
