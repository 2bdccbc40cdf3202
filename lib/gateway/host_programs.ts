import { z } from "zod";
import { writeChange, type Writer } from "../catalog/record_change.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import type { Services } from "../services.ts";
import { upstreamKey } from "../store/gateway_keys.ts";
import { DEPLOYMENT_ORG, orgPrefix } from "../store/keys.ts";
import { listRecords } from "../store/kv.ts";
import type { UpstreamRecord } from "../store/records/upstream.ts";
import { beginState, loadState, MAX_UPSTREAMS, UPSTREAM_FIELDS } from "./upstreams.ts";

/**
 * Upstreams that are programs of this host. They are offered to orgs at the start, by whoever
 * operates the host alone: nothing that arrives over the network makes or changes one.
 */

/** Programs, by the URLs that stand for them. */
type Programs = ReadonlyMap<string, {
  /** Of the upstream. */
  readonly name: string;
  /** Whose upstream it is; null for the one org of a deployment that has one. */
  readonly orgs: readonly string[] | null;
}>;

const HOST: Writer = { caller: { type: "system", id: "host" }, request_id: null };

/**
 * Offers each program to the orgs that the host's file names for it: without any, to the one org of a
 * deployment that has one. What cannot be is said in the log, and is no reason not to start.
 */
export async function offerPrograms(services: Services, programs: Programs): Promise<void> {
  const { deps } = services;
  const all: string[] = [];
  for await (const { key } of listRecords(deps.kv, { prefix: [...orgPrefix()] }, z.unknown())) {
    if (key[1] !== DEPLOYMENT_ORG) all.push(String(key[1]));
  }
  for (const [url, { name, orgs }] of programs) {
    if (orgs === null && all.length !== 1) {
      const next = all.length === 0
        ? "start again when there is an organization"
        : 'name those it is for as "orgs" in the file';
      deps.log("warn", "A program of this host is offered to nobody", { upstream: name, next });
    }
    for (const org of orgs ?? (all.length === 1 ? all : [])) {
      const became = await offerProgram(services, org, name, url);
      const level = became === "offered" || became === "known" ? "info" : "warn";
      deps.log(level, "A program of this host is an upstream", { upstream: name, org, became });
    }
  }
}

/** What became of a program in an org. */
type Offered = "offered" | "known" | "name_taken" | "too_many_upstreams" | "no_such_org";

/**
 * Sees to it that an org has a program as an upstream. One that is described in another way than
 * before is another upstream: none of its tools runs until somebody approves it anew.
 * @param url what stands for the program
 */
function offerProgram(
  { ledgers }: Services,
  org: string,
  name: string,
  url: string,
): Promise<Offered> {
  return ledgers.transact(org, {
    load: (reader: Reader) => loadState(reader, name),
    plan(transaction: Transaction): Offered {
      const { snapshot, at, now } = transaction;
      if (!snapshot.exists) return "no_such_org";
      const old = snapshot.upstreams.get(name) ?? null;
      if (old !== null && old.kind !== "mcp_stdio") return "name_taken";
      if (old?.url === url) return "known";
      if (old === null && snapshot.upstreams.size >= MAX_UPSTREAMS) return "too_many_upstreams";
      const next: UpstreamRecord = {
        ...old ?? DEFAULTS,
        name,
        url,
        generation: snapshot.version + 1,
        created_at: old?.created_at ?? at,
        updated_at: at,
      };
      writeChange(transaction, HOST, {
        noun: "upstream",
        key: upstreamKey(org, name),
        subject: { upstream: name },
        old,
        next,
        fields: UPSTREAM_FIELDS,
        hidden: ["headers"],
        data: { generation: next.generation },
      });
      // Asked for its tools as soon as there is somebody to do it.
      beginState(transaction, name, now);
      return "offered";
    },
  });
}

const DEFAULTS = {
  kind: "mcp_stdio",
  headers: {},
  credential: null,
  timeout_seconds: 60,
  max_result_bytes: 1024 * 1024,
  status: "active",
} as const;
