import type { JsonObject } from "../../lib/base/json.ts";
import type { Entry } from "../../lib/ledger/entry.ts";
import { digestOfRun } from "./call_invariants.ts";
import { type Broken, type Invariant, named, namedAsked, text } from "./evidence.ts";
import type { Asked } from "./history.ts";
import type { Offers } from "./offering.ts";
import type { Ran } from "./tool_server.ts";

/** Under which definition tools of servers run, against what somebody accepted. */

/** A tool of the catalog, by the log. */
interface Known {
  digest: string;
  status: string;
  /** As what somebody took it last. */
  taken: string;
  /** All that it was defined as, and since when, milliseconds of the world's time. */
  readonly earlier: { readonly digest: string; readonly since: number }[];
}

/** The tools of servers in the catalog of an org, as its log has them. */
class Catalog extends Map<string, Known> {
  follow({ type, subject, data }: Entry, now: number): void {
    const tool = text(subject.tool);
    if (type === "tool.removed") this.delete(tool);
    // What somebody asked about is known as a draft of nobody's, until a server offers it.
    const isOther = type === "tool.removed" || type === "tool.auto_created";
    if (!type.startsWith("tool.") || isOther) return;
    const { status } = (data.changed ?? {}) as { readonly status?: unknown };
    const known = this.getOrInsertComputed(tool, () => ({
      digest: "",
      status: "",
      taken: "",
      earlier: [],
    }));
    const digest = text(data.definition_digest);
    if (digest !== "") {
      known.digest = digest;
      known.earlier.push({ digest, since: now });
    }
    if (typeof status === "string") known.status = status;
    if (type === "tool.set" && status === "approved") known.taken = known.digest;
  }

  /** Whether a tool was defined so at some time of a span. */
  was(tool: string, digest: string, from: number): boolean {
    const { earlier } = this.get(tool) ?? { earlier: [] };
    return earlier.some((one, at) => {
      const until = earlier[at + 1]?.since ?? Infinity;
      return one.digest === digest && until >= from;
    });
  }
}

/** What was used up for a call: as what its tool was defined in the catalog at that moment. */
interface Accepted {
  readonly digest: string;
  readonly now: number;
}

/**
 * A call is begun only under the definition that its tool has in the catalog and that somebody has
 * taken: by approving the tool for it, or this very call. What is taken is what was named.
 */
export const begunAsAccepted: Invariant = () => {
  const invariant = "no call is begun under a definition that nobody took";
  const catalog = new Catalog();
  /** As what its tool was defined when a request was made. */
  const asked = new Map<string, string>();

  function* begin(entry: Entry): Iterable<Broken> {
    const tool = catalog.get(text(entry.subject.tool));
    if (tool === undefined) return yield { invariant, where: `${named(entry)}: no such tool` };
    const approval = text(entry.subject.approval);
    const wasAsked = asked.get(approval);
    const isTaken = tool.status === "approved" && tool.taken === tool.digest;
    if (!isTaken && approval === "") {
      yield { invariant, where: `${named(entry)} runs ${tool.digest}, taken is ${tool.taken}` };
    }
    if (approval !== "" && wasAsked !== tool.digest) {
      yield { invariant, where: `${named(entry)} goes by ${approval}, asked for ${wasAsked}` };
    }
  }

  return function* (happening) {
    if (happening.is === "logged") {
      const { entry, now } = happening;
      const { type, subject } = entry;
      if (type === "approval.created") {
        asked.set(text(subject.approval), catalog.get(text(subject.tool))?.digest ?? "");
      }
      if (type === "token.consumed" && text(subject.call) !== "") yield* begin(entry);
      catalog.follow(entry, now);
    }
    if (happening.is !== "answered") return;
    const { deed, status, body, asked_at } = happening.asked;
    if (deed !== "take" || status !== 200) return;
    const { tools } = body as unknown as {
      readonly tools: readonly { readonly name: string; readonly definition_digest: string }[];
    };
    for (const { name, definition_digest } of tools) {
      if (catalog.was(name, definition_digest, asked_at)) continue;
      const where = `${namedAsked(happening.asked)} takes ${name} as ${definition_digest}`;
      yield { invariant, where };
    }
  };
};

/**
 * Whoever has an upstream looked at finds in the catalog what it offers: what it defines otherwise is
 * known as that, and what it withdrew is out of use.
 */
export const catalogFollows: Invariant = () => {
  const invariant = "the catalog has what an upstream offered when it was looked at";
  const catalog = new Catalog();
  const newest = new Map<string, Offers>();
  return function* (happening) {
    if (happening.is === "logged") catalog.follow(happening.entry, happening.now);
    if (happening.is === "offers") newest.set(happening.offers.upstream, happening.offers);
    if (happening.is !== "answered") return;
    const { deed, path, status, asked_at } = happening.asked;
    const upstream = path.split("/")[3] ?? "";
    const offers = newest.get(upstream);
    if (deed !== "refresh" || status !== 200 || offers === undefined || offers.at > asked_at) {
      return;
    }
    for (const [tool, digest] of offers.digests) {
      const known = catalog.get(`${upstream}/${tool}`)?.digest;
      if (known === digest) continue;
      const where = `after ${
        namedAsked(happening.asked)
      } ${tool} is ${known}, offered is ${digest}`;
      yield { invariant, where };
    }
    for (const [name, { status }] of catalog) {
      const [of, tool = ""] = name.split("/");
      if (of !== upstream || offers.digests.has(tool) || status === "archived") continue;
      const where = `after ${namedAsked(happening.asked)} ${tool} is ${status}, and not offered`;
      yield { invariant, where };
    }
  };
};

/** A document that was given, and what it makes of each operation. */
interface Given {
  readonly asked: Asked;
  readonly digests: ReadonlyMap<string, string>;
}

/**
 * What runs is what the tool was defined as when its call was begun. An API's request is made by that
 * definition itself, and of the document that was answered to be in force. What an MCP server runs is
 * its own: another one than was taken only where it was changed since it was last looked at.
 */
export const runAsAccepted: Invariant = ({ org }) => {
  const invariant = "what runs is what was taken";
  const catalog = new Catalog();
  const accepted = new Map<string, Accepted>();
  /** When each action was asked for first. */
  const askedFirst = new Map<string, number>();
  const given: Given[] = [];
  let giving: Given["digests"] = new Map();
  /** The looks at each upstream that were answered. */
  const looks = new Map<string, Asked[]>();

  /** As what an operation may run that was asked for at some time. */
  function inForce(tool: string, asked_at: number): Set<string | undefined> {
    const name = tool.slice(tool.indexOf("/") + 1);
    const before = given.filter(({ asked: { answered_at, status } }) =>
      status !== null && status < 300 && (answered_at ?? Infinity) <= asked_at
    );
    const newest = before.at(-1);
    const since = newest?.asked.asked_at ?? 0;
    const may = given.filter((one) => one === newest || one.asked.asked_at > since);
    return new Set(may.map(({ digests }) => digests.get(name)));
  }

  function* run({ tool, arguments: args, method, definition }: Ran): Iterable<Broken> {
    if (definition === null) return;
    const action = digestOfRun(org, { tool, arguments: args, method });
    const as = accepted.get(action);
    if (as === undefined) return;
    const { digest, since, isExact } = definition;
    const where = (why: string) => `${tool} ${JSON.stringify(args)} ran as ${digest}, ${why}`;
    if (isExact && !inForce(tool, askedFirst.get(String(args.n)) ?? 0).has(digest)) {
      yield { invariant, where: where("which the document in force does not say") };
    }
    if (digest === as.digest) return;
    const upstream = tool.split("/")[0] ?? "";
    const isLooked = looks.get(upstream)?.some(({ asked_at, answered_at }) =>
      asked_at > since && (answered_at ?? Infinity) < as.now
    );
    if (!isExact && isLooked !== true) return;
    yield { invariant, where: where(`taken is ${as.digest}`) };
  }

  return function* (happening) {
    switch (happening.is) {
      case "logged": {
        const { entry, now } = happening;
        if (entry.type === "token.consumed" && text(entry.subject.call) !== "") {
          const digest = catalog.get(text(entry.subject.tool))?.digest ?? "";
          accepted.set(text(entry.data.action_digest), { digest, now });
        }
        catalog.follow(entry, now);
        return;
      }
      case "given":
        giving = happening.digests;
        return;
      case "asked": {
        const { deed, body, asked_at } = happening.asked;
        if (deed === "offer") given.push({ asked: happening.asked, digests: giving });
        if (deed !== "call") return;
        const n = String((body as { arguments?: JsonObject }).arguments?.n);
        askedFirst.getOrInsert(n, asked_at);
        return;
      }
      case "answered": {
        const { deed, path, status } = happening.asked;
        if (deed !== "refresh" || status !== 200) return;
        const upstream = path.split("/")[3] ?? "";
        looks.getOrInsertComputed(upstream, () => []).push(happening.asked);
        return;
      }
      case "ran":
        yield* run(happening.run);
    }
  };
};
