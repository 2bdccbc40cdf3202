import { canonicalJson } from "../base/canonical.ts";
import { isJsonObject, type JsonObject } from "../base/json.ts";
import type { Writer } from "../catalog/record_change.ts";
import { archivedTool } from "../catalog/tool_record.ts";
import { writeTool } from "../catalog/tools.ts";
import { writeEvent } from "../events/event.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { draftToolRecord } from "../policy/draft_tool.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { upstreamToolKey } from "../store/gateway_keys.ts";
import type { ToolRecord } from "../store/records/policy.ts";
import {
  type RefusedTool,
  toolDefinition,
  type UpstreamRecord,
} from "../store/records/upstream.ts";
import { differences, exposedName, gatewayName, type Offer } from "./definition.ts";
import { isCurrent, type UpstreamTool } from "./upstreams.ts";

/**
 * What becomes of tools of the catalog when their upstream offers, changes or withdraws them. Each is
 * closed or opened whole, in the commit that notices, with its entry.
 */

/** Nobody asked for it: it is what the upstream says. */
const UPSTREAM: Writer = { caller: { type: "system", id: "upstream_refresh" }, request_id: null };

/** Whether an upstream is where it was when its tools were asked for, and offers what it did. */
export function isStill(
  { upstreams }: Pick<Snapshot, "upstreams">,
  { name, generation, edition }: UpstreamRecord,
): boolean {
  const now = upstreams.get(name);
  return now?.generation === generation && now.edition === edition;
}

/** What became of some of what is offered: tools by their names in the catalog. */
export interface Taken {
  readonly added: readonly string[];
  readonly changed: readonly ChangedTool[];
  readonly refused: readonly RefusedTool[];
}

/** A tool that is defined in another way than before, and where: JSON pointers into the definition. */
export interface ChangedTool {
  readonly tool: string;
  readonly differs: readonly string[];
}

/** Has the catalog follow some of what is offered. */
export function takeOffers(upstream: UpstreamRecord, offers: readonly Offer[]) {
  return {
    load: (reader: Reader) => loadDefinitions(reader, upstream.name, offers),
    plan(transaction: Transaction, before: ReadonlyMap<string, JsonObject>): Taken {
      const { snapshot } = transaction;
      const added: string[] = [];
      const changed: ChangedTool[] = [];
      const refused: RefusedTool[] = [];
      if (!isStill(snapshot, upstream)) return { added, changed, refused };
      const given = new Map<string, string>();
      for (const offer of offers) {
        const { tool, catalog_name } = offer;
        const old = snapshot.tool(catalog_name) ?? null;
        const own = ownOf(old, upstream.name);
        if (own !== null && own.upstream.definition_digest === offer.digest) {
          if (isCurrent(own, upstream)) continue;
        }
        const exposed = own?.upstream.exposed_name ?? exposedName(gatewayName(upstream.name, tool));
        const holder = given.get(exposed) ?? snapshot.exposedAs(exposed);
        if (holder !== undefined && holder !== catalog_name) {
          refused.push({ name: tool, why: `would be called ${exposed}, as ${holder} is` });
          continue;
        }
        given.set(exposed, catalog_name);
        if (own === null) {
          added.push(catalog_name);
          offered(transaction, upstream, offer, old, exposed);
        } else {
          const earlier = before.get(tool);
          const differs = earlier === undefined ? [""] : differences(earlier, offer.definition);
          changed.push({ tool: catalog_name, differs });
          drifted(transaction, own, {
            description: offer.description,
            parameters: offer.parameters,
            digest: offer.digest,
            generation: upstream.generation,
            method: offer.method,
            schema: offer.texts.schema,
          }, { differs, earlier });
        }
        storeDefinition(transaction, upstream.name, tool, "offered", offer.texts.definition);
      }
      return { added, changed, refused };
    },
  };
}

/** A tool of the catalog as one of this upstream; null for one that somebody made, or that was another's. */
export function ownOf(tool: ToolRecord | null, name: string): UpstreamTool | null {
  const { upstream } = tool ?? {};
  return tool === null || upstream?.name !== name ? null : { ...tool, upstream };
}

/** The definitions of those tools that may have changed, as they were offered before. */
export async function loadDefinitions(
  reader: Reader,
  name: string,
  offers: readonly {
    readonly tool: string;
    readonly catalog_name: string;
    digest: string | null;
  }[],
): Promise<Map<string, JsonObject>> {
  const { snapshot } = reader;
  const found = new Map<string, JsonObject>();
  await Promise.all(offers.map(async ({ tool, catalog_name, digest }) => {
    const own = ownOf(snapshot.tool(catalog_name) ?? null, name);
    if (own === null || own.upstream.definition_digest === digest) return;
    // For people to see what is other. What is decided by is the digest, in the tool's own record.
    const definition = await readDefinition(reader, name, tool, "offered");
    if (definition !== null) found.set(tool, definition);
  }));
  return found;
}

/** A definition of a tool, as the upstream sent it; null where none is kept. */
export async function readDefinition(
  reader: Reader,
  name: string,
  tool: string,
  which: "offered" | "approved",
): Promise<JsonObject | null> {
  const key = upstreamToolKey(reader.snapshot.orgId, name, tool, which);
  const row = await reader.peek(key, toolDefinition);
  const definition = row === null
    ? null
    : JSON.parse(new TextDecoder().decode(row.value.definition));
  return isJsonObject(definition) ? definition : null;
}

function storeDefinition(
  transaction: Transaction,
  name: string,
  tool: string,
  which: "offered" | "approved",
  text: string,
): void {
  const key = upstreamToolKey(transaction.snapshot.orgId, name, tool, which);
  transaction.set(key, { definition: new TextEncoder().encode(text) });
}

/** A tool that was not this upstream's until now: a draft, whatever it was; one that is off stays off. */
function offered(
  transaction: Transaction,
  { name, generation }: UpstreamRecord,
  { tool, catalog_name, digest, description, parameters, method, texts }: Offer,
  old: ToolRecord | null,
  exposed_name: string,
): void {
  const { at } = transaction;
  const next: ToolRecord = {
    ...(old ?? { ...draftToolRecord(catalog_name, transaction.id("tol"), at), discovered: false }),
    description,
    parameters,
    status: old?.status === "disabled" ? "disabled" : "draft",
    annotations_acknowledged: false,
    upstream: {
      name,
      tool,
      definition_digest: digest,
      generation,
      ...(method === null ? {} : { method }),
      exposed_name,
      since: at,
      drifted: false,
      first: old === null,
    },
    updated_at: at,
  };
  writeTool(transaction, UPSTREAM, old, next, {
    verb: "offered",
    data: { definition_digest: digest, upstream: name },
    canonical: { parameters: texts.schema },
  });
}

interface Redefined extends Pick<ToolRecord, "description" | "parameters"> {
  readonly digest: string;
  readonly generation: number;
  readonly method: string | null;
  /** The text of its parameters in RFC 8785 form, where that is made already. */
  readonly schema?: string;
}

/**
 * A tool that is another one now: closed until somebody approves it anew, who is shown what was
 * approved before.
 */
export function drifted(
  transaction: Transaction,
  old: UpstreamTool,
  { description, parameters, digest, generation, method, schema }: Redefined,
  { differs, earlier }: {
    readonly differs: readonly string[];
    /** As it was defined until now, where that is known. */
    readonly earlier: JsonObject | undefined;
  },
): void {
  const isOpen = old.status === "approved" || old.status === "draft";
  const next: ToolRecord = {
    ...old,
    description,
    parameters,
    ...(isOpen ? { status: "draft", annotations_acknowledged: false } : {}),
    upstream: {
      ...old.upstream,
      definition_digest: digest,
      generation,
      ...(method === null ? {} : { method }),
      since: transaction.at,
      drifted: old.upstream.drifted || old.status === "approved",
      first: false,
    },
    updated_at: transaction.at,
  };
  const change: Parameters<typeof writeTool>[4] = {
    verb: "drifted",
    data: { definition_digest: digest, upstream: old.upstream.name },
    // Names of members are the upstream's words.
    private: { differs: [...differs] },
    ...(schema === undefined ? {} : { canonical: { parameters: schema } }),
  };
  if (old.status === "approved" && earlier !== undefined) {
    const { name, tool } = old.upstream;
    storeDefinition(transaction, name, tool, "approved", canonicalJson(earlier));
  }
  writeTool(transaction, UPSTREAM, old, next, change);
  writeEvent(transaction, { type: "tool.drifted", tool_id: old.id });
}

/** Takes a tool out of use that its upstream does not offer any more. */
export function withdrawTool(transaction: Transaction, old: UpstreamTool): void {
  const { orgId } = transaction.snapshot;
  const { upstream, ...rest } = old;
  // A draft that somebody stopped stays known, and one of which somebody said what to look at: it would
  // come back with its switch off, unguarded, and with its facts as they are stated.
  const isBare = !old.kill_switch.active && old.guards === undefined && old.facts === undefined;
  const next = old.status === "draft" && isBare ? null : archivedTool(rest, transaction.at);
  writeTool(transaction, UPSTREAM, old, next, { data: { upstream: upstream.name } });
  for (const which of ["offered", "approved"] as const) {
    transaction.delete(upstreamToolKey(orgId, upstream.name, upstream.tool, which));
  }
}
