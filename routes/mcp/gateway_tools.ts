import { ProtocolError, ProtocolErrorCode, type Tool } from "@modelcontextprotocol/server";
import { z } from "zod";
import { isJsonObject, type JsonObject, type JsonValue, memberOf } from "../../lib/base/json.ts";
import { visibleLine } from "../../lib/base/text.ts";
import { definitionDigest, exposedName } from "../../lib/gateway/definition.ts";
import { readDefinition } from "../../lib/gateway/follow.ts";
import { isCurrent } from "../../lib/gateway/upstreams.ts";
import type { MachineOperation } from "../../lib/identity/acting.ts";
import type { MachineCaller } from "../../lib/identity/caller.ts";
import type { Reader } from "../../lib/ledger/transaction.ts";
import type { Snapshot } from "../../lib/policy/snapshot.ts";
import { checkParameterSchema } from "../../lib/schema/check.ts";
import type { ToolRecord } from "../../lib/store/records/policy.ts";
import { decodeCursor, encodeCursor } from "../fields/paging.ts";
import { type ListedTool, listedTools } from "./caller.ts";
import type { ToolCall } from "./tool.ts";

/**
 * Which tools the gateway has for a caller, what they are called there, and how they are listed: in
 * their upstream's words of the very definition that was approved, and of that what can do no harm.
 */

/** How many tools a page of the list has. */
const PAGE = 200;

/** The one member that a schema gains here, where people read why a call is wanted. */
export const REASON = "countersign_reason";

/** Which tools an endpoint has, and what they are called there. */
export interface Naming {
  /** The one upstream whose tools it has, by their bare names; null for those of all. */
  readonly upstream: string | null;
}

/** A tool of an upstream as this endpoint has it; null for one that it has not. */
function nameAt({ upstream }: Naming, tool: ToolRecord): string | null {
  const of = tool.upstream;
  if (of === undefined) return null;
  if (upstream === null) return of.exposed_name;
  return of.name === upstream ? exposedName(of.tool) : null;
}

/** Whether a tool can be run by anybody at all, of those that this endpoint has. */
function isServed({ upstreams }: Snapshot, naming: Naming, tool: ToolRecord): boolean {
  const { upstream } = tool;
  if (upstream === undefined || nameAt(naming, tool) === null) return false;
  const at = upstreams.get(upstream.name);
  return at?.status === "active" && isCurrent({ upstream }, at);
}

/** What can be listed: what a call of it would not be refused by the rules. */
function isCallable({ answer }: ListedTool): boolean {
  return typeof answer !== "string" && answer.permission !== "disabled";
}

const afterName = z.tuple([z.string()]);

/** What there is no upstream for: an empty list would look like that of one without tools. */
const NO_UPSTREAM = "There is no upstream of the name in this address. /mcp/gateway/NAME has the " +
  "tools of the upstream NAME, and /mcp/gateway those of all.";

/** Refuses an endpoint of an upstream that there is not. @throws {ProtocolError} */
export async function assertUpstream(under: ToolCall, { upstream }: Naming): Promise<void> {
  if (upstream === null) return;
  const isThere = await under.transact({
    plan: ({ snapshot }) => snapshot.upstreams.has(upstream),
  });
  if (!isThere) throw new ProtocolError(ProtocolErrorCode.InvalidParams, NO_UPSTREAM);
}

/**
 * A page of the tools that a caller may call.
 * @throws {ProtocolError} where the endpoint is of an upstream that there is not
 */
export async function listPage(
  under: ToolCall,
  naming: Naming,
  cursor: string | undefined,
): Promise<{ tools: Tool[]; nextCursor?: string }> {
  const after = cursor === undefined ? null : decodeCursor(cursor, afterName)[0];
  const page = (snapshot: Snapshot, caller: MachineCaller) => {
    const isListed = (tool: ToolRecord) => isServed(snapshot, naming, tool);
    const { items, next } = listedTools(snapshot, caller, {
      after,
      limit: PAGE,
      isListed,
    });
    return { items: items.filter(isCallable), next };
  };
  const { items, next } = await under.transact({
    load: (reader, caller) =>
      loadTold(reader, page(reader.snapshot, caller).items.map(({ tool }) => tool)),
    plan: ({ snapshot }, caller) => page(snapshot, caller),
  });
  if (items.length === 0) await assertUpstream(under, naming);
  const tools = items.map((item) => shown(naming, item));
  return { tools, ...(next === null ? {} : { nextCursor: encodeCursor([next]) }) };
}

/**
 * A tool as the owner described and annotated it; in its upstream's words what was approved and can do
 * no harm.
 */
function shown(naming: Naming, { tool, answer }: ListedTool): Tool {
  const { annotations, description } = tool;
  const asks = typeof answer !== "string" && answer.permission === "requires_approval";
  const told = toldOf(tool);
  return {
    ...told as Partial<Tool>,
    name: nameAt(naming, tool) ?? tool.name,
    description: asks ? `${description}\n\nNeeds a person's approval.`.trim() : description,
    inputSchema: schemaOf(tool, asks) as Tool["inputSchema"],
    annotations: {
      ...(told.title === undefined ? {} : { title: told.title }),
      readOnlyHint: annotations.read_only,
      destructiveHint: annotations.destructive,
      idempotentHint: annotations.idempotent,
      openWorldHint: annotations.open_world,
    },
  };
}

function schemaOf(tool: ToolRecord, asks: boolean): JsonObject {
  const schema = { type: "object", ...tool.parameters };
  if (!asks || takesReason(tool)) return schema;
  const reason = {
    type: "string",
    description: "Why this is wanted, for the person who approves it",
  };
  const { properties } = schema as { properties?: JsonObject };
  return { ...schema, properties: { ...properties, [REASON]: reason } };
}

/** Whether the upstream's own schema has a member of that name, which then is the upstream's. */
export function takesReason({ parameters }: ToolRecord): boolean {
  const properties = parameters?.properties;
  return typeof properties === "object" && properties !== null && Object.hasOwn(properties, REASON);
}

/** Finds the tool that a name stands for at this moment, if this caller may know of it. */
export function toolNamed(
  naming: Naming,
  { name, mandated }: { readonly name: string; readonly mandated: boolean },
): MachineOperation<void, ToolRecord | null> {
  const find = (snapshot: Snapshot, caller: MachineCaller) => {
    const isListed = (tool: ToolRecord) =>
      nameAt(naming, tool) === name && isServed(snapshot, naming, tool);
    const of = { after: null, limit: 1, isListed, mandated };
    const { items } = listedTools(snapshot, caller, of);
    return items.find(isCallable)?.tool ?? null;
  };
  return {
    async load(reader, caller) {
      const tool = find(reader.snapshot, caller);
      if (tool !== null) await loadTold(reader, [tool]);
    },
    plan: ({ snapshot }, caller) => find(snapshot, caller),
  };
}

/**
 * Whether hosts hold a tool's structured content to a schema of its upstream: some refuse an answer
 * that does not fit it, also one that says itself that it is an error.
 */
export function hasOutputSchema(tool: ToolRecord): boolean {
  return toldOf(tool).outputSchema !== undefined;
}

/** What of a definition is told. */
interface ToldDefinition {
  readonly title?: string;
  readonly outputSchema?: JsonObject;
  readonly icons?: JsonObject[];
  readonly _meta?: JsonObject;
}

const NOTHING: ToldDefinition = {};

const TITLE_CHARACTERS = 100;

const MAX_ICONS = 8;

/** Pictures that are in the list itself. One at an address would tell a stranger who lists, and one of SVG may run. */
const PICTURE = /^data:image\/(png|jpeg|webp);base64,[A-Za-z0-9+/]+={0,2}$/;

/** How large results may get before a host cuts them: a hint that names nothing outside the list. */
const SIZE_HINT = "anthropic/maxResultSizeChars";

/** By the record that it was approved in, which never changes. */
const TOLD = new WeakMap<ToolRecord, ToldDefinition>();

/** What is told of a tool; nothing until `loadTold` has read it. */
function toldOf(tool: ToolRecord): ToldDefinition {
  return TOLD.get(tool) ?? NOTHING;
}

/** Reads what is told of tools, once each. */
async function loadTold(reader: Reader, tools: readonly ToolRecord[]): Promise<void> {
  const { upstreams } = reader.snapshot;
  await Promise.all(tools.map(async (tool) => {
    const of = tool.upstream;
    const upstream = of === undefined ? undefined : upstreams.get(of.name);
    if (of === undefined || upstream === undefined || TOLD.has(tool)) return;
    const definition = await readDefinition(reader, of.name, of.tool, "offered");
    // By now it may be another one, which nobody has approved.
    const isApproved = definition !== null &&
      definitionDigest(upstream, definition) === of.definition_digest;
    if (isApproved) TOLD.set(tool, told(definition));
  }));
}

function told(definition: JsonObject): ToldDefinition {
  const title = memberOf(definition, "title") ??
    memberOf(memberOf(definition, "annotations"), "title");
  const icons = iconsOf(memberOf(definition, "icons"));
  const schema = memberOf(definition, "outputSchema");
  const size = memberOf(memberOf(definition, "_meta"), SIZE_HINT);
  return {
    ...(typeof title === "string" && title !== ""
      ? { title: visibleLine(title.slice(0, 1000).toWellFormed(), TITLE_CHARACTERS) }
      : {}),
    // Of objects, as hosts from before 2026-07-28 take them alone.
    ...(isJsonObject(schema) && schema.type === "object" &&
        checkParameterSchema(schema).length === 0
      ? { outputSchema: schema }
      : {}),
    ...(icons.length === 0 ? {} : { icons }),
    ...(typeof size === "number" && size > 0 ? { _meta: { [SIZE_HINT]: size } } : {}),
  };
}

function iconsOf(icons: JsonValue | undefined): JsonObject[] {
  const all = Array.isArray(icons) ? icons : [];
  return all.flatMap((icon) => {
    const [src, mimeType, sizes] = ["src", "mimeType", "sizes"].map((name) => memberOf(icon, name));
    if (typeof src !== "string" || !PICTURE.test(src)) return [];
    return [{
      src,
      ...(typeof mimeType === "string" && src.startsWith(`data:${mimeType};`) ? { mimeType } : {}),
      ...(Array.isArray(sizes) && sizes.every((size) => /^([0-9]+x[0-9]+|any)$/.test(String(size)))
        ? { sizes }
        : {}),
    }];
  }).slice(0, MAX_ICONS);
}
