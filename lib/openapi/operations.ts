import { isJsonObject, type JsonObject, type JsonValue, memberOf } from "../base/json.ts";
import {
  type HttpOperation,
  type OperationBody,
  type OperationParameter,
  type PropertyEncoding,
} from "../store/records/operation.ts";
import {
  type ArgumentSchema,
  inOrder,
  MAX_BYTES,
  objectAt,
  type ReadSchema,
  type Schemas,
  TOO_LARGE,
  Unusable,
} from "./schemas.ts";

/**
 * One operation of a document: which arguments it takes, and how a request is made of them. Parameters
 * are arguments by their own names, the body is one argument, `body`.
 */

/** Headers that no argument sets: they say who asks, where, how, or where the request ends. */
const RESERVED =
  /^(?:host|cookie2?|origin|referer|connection|keep-alive|upgrade|via|te|trailer|forwarded|expect|date|user-agent|range|proxy-.*|transfer-.*|content-.*|accept-.*|sec-.*|x-forwarded-.*|x-real-ip|x-http-method.*|x-method-override|x-original-.*|x-rewrite-.*)$/;

/** What a document may list, and is said otherwise (OpenAPI 3.0, "Parameter Object"). */
const IGNORED = /^(?:accept|content-type|authorization)$/;

const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/;

/** Literal parts of a path as RFC 3986 writes them, and names between braces. */
const PATH = /^\/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2}|\{[^{}/?#]+\})*$/;

const JSON_TYPE = /^application\/(?:json|[a-z0-9.+-]+\+json)$/;

const FORM = "application/x-www-form-urlencoded";

const MULTIPART = "multipart/form-data";

/** The argument that a body is. */
const BODY = "body";

const MAX_PARAMETERS = 200;

const TOO_MANY = `has more than ${MAX_PARAMETERS} parameters`;

/** Longest path, UTF-16 units. */
export const MAX_PATH = 4000;

/** A part of a document that is being read. */
export interface Place {
  readonly document: JsonObject;
  readonly schemas: Schemas;
}

/** An operation as it stands in its document. */
export interface Placed {
  readonly method: HttpOperation["method"];
  readonly path: string;
  /** What all operations of its path have in common. */
  readonly item: JsonObject;
  readonly operation: JsonObject;
}

/** Reads which arguments an operation takes, and how it is asked. @throws {Unusable} */
export function readOperation(
  { document, schemas }: Place,
  { method, path, item, operation }: Placed,
): { readonly schema: ReadSchema<JsonObject>; readonly http: HttpOperation } {
  assertPath(path);
  const body = bodyOf(document, method, operation);
  const used = new Set(body === null ? [] : [BODY]);
  const members: ArgumentSchema[] = [];
  const parameters: OperationParameter[] = [];
  for (const found of parametersOf(document, item, operation)) {
    const { schema, description, required, ...written } = found;
    const argument = freeName(written, used);
    used.add(argument);
    members.push({ name: argument, schema, description, required });
    parameters.push({ argument, ...written });
  }
  assertNamed(path, parameters);
  if (body !== null) members.push({ name: BODY, ...body.argument });
  return {
    schema: schemas.objectOf(members),
    http: { method, path, parameters, body: body?.written ?? null },
  };
}

function assertPath(path: string): void {
  if (path.length > MAX_PATH) {
    throw new Unusable(`has a path of more than ${MAX_PATH} characters`);
  }
  if (!PATH.test(path)) throw new Unusable("has a path that is none, or a query within it");
  if (path.split("/").some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment))) {
    throw new Unusable("has a path with steps up or down");
  }
}

/** Holds the names in a path to parameters that there are, and these to their places. */
function assertNamed(path: string, parameters: readonly OperationParameter[]): void {
  const inPath = new Set([...path.matchAll(/\{([^{}]+)\}/g)].map(([, name]) => name!));
  const described = new Set(parameters.filter((one) => one.in === "path").map(({ name }) => name));
  const [undescribed] = inPath.difference(described);
  if (undescribed !== undefined) {
    throw new Unusable(`has {${undescribed}} in its path, and no parameter that describes it`);
  }
  const [unused] = described.difference(inPath);
  if (unused === undefined) return;
  throw new Unusable(`describes ${JSON.stringify(unused)} as a part of its path, where it isn't`);
}

/** An argument's name: that of the parameter; of a second one of that name, where it is besides. */
function freeName(
  { name, in: place }: Pick<OperationParameter, "name" | "in">,
  used: ReadonlySet<string>,
): string {
  if (!used.has(name)) return name;
  let free = `${place}_${name}`;
  for (let count = 2; used.has(free); count++) free = `${place}_${name}_${count}`;
  return free;
}

type Found = Omit<OperationParameter, "argument"> & Omit<ArgumentSchema, "name">;

/** The parameters of an operation and of its path: of two of one name and place the operation's. */
function parametersOf(document: JsonObject, item: JsonObject, operation: JsonObject): Found[] {
  const all = new Map<string, Found>();
  for (const listed of [memberOf(item, "parameters"), memberOf(operation, "parameters")]) {
    if (listed === undefined) continue;
    if (!Array.isArray(listed)) throw new Unusable("has parameters that are no list");
    if (listed.length > MAX_PARAMETERS) throw new Unusable(TOO_MANY);
    for (const one of listed) {
      const found = parameterOf(document, objectAt(document, one));
      if (found === null) continue;
      const name = found.in === "header" ? found.name.toLowerCase() : found.name;
      all.set(`${found.in} ${name}`, found);
    }
  }
  if (all.size > MAX_PARAMETERS) throw new Unusable(TOO_MANY);
  return [...all.values()];
}

/** Null for one that need not be sent, and cannot be. */
function parameterOf(document: JsonObject, parameter: JsonObject): Found | null {
  const [name, place] = [memberOf(parameter, "name"), memberOf(parameter, "in")];
  if (typeof name !== "string" || name === "" || name === "__proto__") {
    throw new Unusable("has a parameter without a name");
  }
  const isPath = place === "path";
  const required = isPath || memberOf(parameter, "required") === true;
  const refuse = (why: string) => {
    if (required) throw new Unusable(`requires the parameter ${JSON.stringify(name)}, ${why}`);
    return null;
  };
  if (!isPath && place !== "query" && place !== "header" && place !== "cookie") {
    return refuse("which is in none of path, query, header and cookie");
  }
  if (place === "header" && IGNORED.test(name.toLowerCase())) return null;
  if (place === "header" && (!TOKEN.test(name) || RESERVED.test(name.toLowerCase()))) {
    return refuse("a header that no argument sets");
  }
  if (place === "cookie" && !TOKEN.test(name)) return refuse("which is no name of a cookie");
  const description = memberOf(parameter, "description");
  const content = memberOf(parameter, "content");
  if (content !== undefined) {
    const [type = "", media] = isJsonObject(content) ? Object.entries(content)[0] ?? [] : [];
    if (!JSON_TYPE.test(essence(type))) return refuse("of a form that is not written here");
    const schema = memberOf(objectAt(document, media), "schema") ?? {};
    const style = { style: "simple", explode: false } as const;
    return { name, in: place, ...style, json: true, schema, description, required };
  }
  const styled = styleOf(parameter, place);
  if (styled === null) return refuse("of a style that there is not where it is");
  const schema = memberOf(parameter, "schema") ?? {};
  return { name, in: place, ...styled, json: false, schema, description, required };
}

/** The styles that each place has, the usual one first. */
const STYLES_OF: Readonly<
  Record<OperationParameter["in"], readonly OperationParameter["style"][]>
> = {
  path: ["simple", "label", "matrix"],
  query: ["form", "spaceDelimited", "pipeDelimited", "deepObject"],
  header: ["simple"],
  cookie: ["form"],
};

function styleOf(
  parameter: JsonObject,
  place: OperationParameter["in"],
): Pick<OperationParameter, "style" | "explode"> | null {
  const [usual] = STYLES_OF[place];
  const said = memberOf(parameter, "style") ?? usual;
  const style = STYLES_OF[place].find((one) => one === said);
  if (style === undefined) return null;
  const explode = memberOf(parameter, "explode");
  return { style, explode: typeof explode === "boolean" ? explode : style === "form" };
}

interface FoundBody {
  readonly written: OperationBody;
  readonly argument: Omit<ArgumentSchema, "name">;
}

/** The body that an operation takes; null for none, and for one that says nothing. */
function bodyOf(
  document: JsonObject,
  method: HttpOperation["method"],
  operation: JsonObject,
): FoundBody | null {
  const said = memberOf(operation, "requestBody");
  // It has no meaning there (RFC 9110, section 9.3.1).
  if (said === undefined || method === "GET") return null;
  const body = objectAt(document, said);
  const required = memberOf(body, "required") === true;
  const content = memberOf(body, "content");
  const types = isJsonObject(content) ? Object.entries(content) : [];
  const isTaken = [
    (type: string) => JSON_TYPE.test(type),
    (type: string) => type === FORM,
    (type: string) => type === MULTIPART,
    (type: string) => type === "text/plain",
  ];
  const chosen = isTaken.flatMap((takes) => types.filter(([type]) => takes(essence(type))))[0] ??
    types.find(([type]) => essence(type) === "*/*");
  if (chosen === undefined) {
    if (!required) return null;
    const [named = "none"] = types.map(([type]) => type.slice(0, 100));
    throw new Unusable(`requires a body of a type that is not written here: ${named}`);
  }
  const media_type = essence(chosen[0]) === "*/*" ? "application/json" : essence(chosen[0]);
  const media = objectAt(document, chosen[1]);
  const schema = memberOf(media, "schema") ?? {};
  if (!required && isEmpty(schema)) return null;
  const isParts = media_type === MULTIPART;
  const encoding = isParts || media_type === FORM
    ? encodingOf(document, memberOf(media, "encoding"), isParts ? schema : null)
    : {};
  return {
    written: { argument: BODY, media_type, encoding },
    argument: { schema, description: memberOf(body, "description"), required },
  };
}

/** A form in which nothing can stand. */
function isEmpty(schema: JsonValue): boolean {
  const properties = memberOf(schema, "properties") ?? {};
  return memberOf(schema, "additionalProperties") === false && isJsonObject(properties) &&
    Object.keys(properties).length === 0 && memberOf(schema, "$ref") === undefined;
}

const MEDIA_TYPE = /^[a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.+-]+$/;

/** @param parts the schema of a form in parts, whose members of bytes are files; null for another */
function encodingOf(
  document: JsonObject,
  said: JsonValue | undefined,
  parts: JsonValue | null,
): Record<string, PropertyEncoding> {
  const found = new Map<string, PropertyEncoding>();
  if (isJsonObject(said)) assertFew(said);
  for (const [name, one] of isJsonObject(said) ? Object.entries(said) : []) {
    const style = STYLES_OF.query.find((known) => known === memberOf(one, "style"));
    const explode = memberOf(one, "explode");
    if (style === undefined && typeof explode !== "boolean") continue;
    found.set(name, {
      ...(typeof explode === "boolean" ? { explode } : {}),
      ...(style === undefined ? {} : { style }),
    });
  }
  if (parts === null) return inOrder([...found]);
  const properties = memberOf(objectAt(document, parts), "properties");
  if (isJsonObject(properties)) assertFew(properties);
  for (const [name, one] of isJsonObject(properties) ? Object.entries(properties) : []) {
    if (!isBytes(document, one)) continue;
    const type = memberOf(memberOf(said, name), "contentType");
    const first = typeof type === "string" ? essence(type.split(",", 1)[0]!) : "";
    found.set(name, {
      content_type: MEDIA_TYPE.test(first) ? first : "application/octet-stream",
    });
  }
  return inOrder([...found]);
}

/** Holds members to as many as a schema has room for, each with quotes, a colon and braces. */
function assertFew(members: JsonObject): void {
  if (Object.keys(members).length > MAX_BYTES / 6) throw new Unusable(TOO_LARGE);
}

/** Whether a member is a file: a text of bytes, or a list of them. */
function isBytes(document: JsonObject, schema: JsonValue): boolean {
  const own = isJsonObject(schema) ? objectAt(document, schema) : schema;
  const one = memberOf(own, "type") === "array" ? memberOf(own, "items") : own;
  const format = memberOf(one, "format");
  return format === "binary" || format === "base64" ||
    (memberOf(one, "contentMediaType") !== undefined && memberOf(one, "type") !== "object");
}

function essence(type: string): string {
  return type.split(";", 1)[0]!.trim().toLowerCase();
}
