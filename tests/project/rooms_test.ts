import assert from "node:assert/strict";
import { projectText, sourceFiles } from "../helpers/project_files.ts";

/**
 * The house: rooms stand on floors, and imports go down only, of types too. A room is a folder, or
 * one of the few files that are a room of their own.
 */

/** From the ground up. A room may import from itself and from what stands before it. */
const FLOORS: readonly string[] = [
  "lib/base",
  "lib/tlog",
  "lib/schema",
  "lib/scrub",
  "lib/store/records",
  "lib/store",
  "lib/upstreams/port.ts",
  "lib/deps.ts",
  "lib/guards",
  "lib/openapi",
  "lib/policy",
  "lib/passkeys",
  "lib/verify",
  "lib/refusal.ts",
  "lib/ledger",
  "lib/events",
  "lib/outside",
  "lib/identity",
  "lib/services.ts",
  "lib/catalog",
  "lib/vault",
  "lib/gateway",
  "lib/mandates",
  "lib/decisions",
  "lib/tokens",
  "lib/approvals",
  "lib/upstreams",
  "lib/authorize",
  "lib/granting",
  "lib/confirming",
  "lib/calls",
  "lib/alerts",
  "lib/sheet",
  "lib/people",
  "lib/endpoints",
  "lib/webhooks",
  "lib/channels",
  "lib/oauth",
  "lib/leaving",
  "lib/evidence",
  "lib/receipts",
  "lib/allowly",
  "lib/onboarding",
  "lib/server",
  "components",
  "islands",
  "routes/http",
  "routes/fields",
  "routes/docs",
  "routes/dashboard",
  "routes/v1",
  "routes/allowly",
  "routes/mcp",
  "routes/oauth",
  "routes/socket",
  "routes/pages/approvals",
  "routes/pages/rules",
  "routes/pages/tools",
  "routes/pages/registry",
  "routes/pages/activity",
  "routes/pages/account",
  "routes/pages/quickstart",
  "routes/pages/machines",
  "routes/pages/mandates",
  "routes/pages/calls",
  "routes/pages/users",
  "routes/pages/upstreams",
  "routes/pages/team",
  "routes/pages/settings",
  "routes/pages/notifications",
  "routes/pages/overview",
  "routes",
  // The commands.
  "",
];

/** Lists with a row for each of many like things: as long as there are things. */
const TABLES: readonly string[] = ["routes/http/problems.ts"];

/** Files that describe what comes from outside, or out of a seal, and no record. */
const READS_WHAT_IS_GIVEN: readonly string[] = [
  "lib/alerts/subscriptions.ts",
  "lib/approvals/frozen_view.ts",
  "lib/channels/sending.ts",
  "lib/evidence/filters.ts",
  "lib/outside/mailer.ts",
  "lib/passkeys/responses.ts",
  "lib/people/email_codes.ts",
  "lib/server/due_worker.ts",
  "lib/server/settings.ts",
  "lib/tokens/token_text.ts",
  "lib/vault/connect.ts",
  "lib/vault/credentials.ts",
  "lib/vault/grant.ts",
  "lib/vault/opening.ts",
  "lib/webhooks/signing.ts",
];

/** With its neighbour a file that nothing else imports would be too long beyond this. */
const LONG = 350;

/** Files that their neighbour alone imports, and that stand alone all the same, each with why. */
const ALONE: Readonly<Record<string, string>> = {
  "islands/manifest.ts": "the table of all islands, read where there is no browser",
  ...Object.fromEntries(
    ["discord", "gotify", "mattermost", "ntfy", "pagerduty_events", "slack", "teams", "telegram"]
      .map((kind) => [`lib/channels/${kind}.ts`, "one provider a file, in the table of all kinds"]),
  ),
  ...Object.fromEntries(
    ["characters", "path_traversal"]
      .map((guard) => [`lib/guards/${guard}.ts`, "one guard a file, in the table of all kinds"]),
  ),
  "lib/verify/mandate_lines.ts": "a chapter of a log's story, as its requests and actors are",
};

/** A source and the files that it imports, as paths from the project's folder. */
interface Source {
  readonly path: string;
  readonly imports: readonly string[];
}

const IMPORT =
  /^(?:import|export)\b[^;"'`]*?\bfrom\s*"([^"]+)"|^import\s*"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/gm;

/** The file that a specifier names in a file. */
function pathFrom(path: string, specifier: string): string {
  return new URL(specifier, `file:///${path}`).pathname.slice(1);
}

/** The sources that a source imports from the project, types and what it loads later among them. */
function importsOf(path: string, text: string): string[] {
  return [...text.matchAll(IMPORT)].flatMap(([, from, bare, later]) => {
    const specifier = from ?? bare ?? later ?? "";
    const isSource = specifier.startsWith(".") && /\.tsx?$/.test(specifier);
    return isSource ? [pathFrom(path, specifier)] : [];
  });
}

/** The room that a file stands in; null for one that no floor knows. */
function roomOf(path: string, floors: readonly string[]): string | null {
  if (floors.includes(path)) return path;
  const folder = path.slice(0, Math.max(path.lastIndexOf("/"), 0));
  return floors.includes(folder) ? folder : null;
}

/** Imports that go up, and files that stand in no room. */
function upward(sources: readonly Source[], floors: readonly string[]): string[] {
  const floorOf = (path: string) => {
    const room = roomOf(path, floors);
    return room === null ? null : floors.indexOf(room);
  };
  return sources.flatMap(({ path, imports }) => {
    const own = floorOf(path);
    if (own === null) return [`${path} stands in no room`];
    return imports.filter((target) => (floorOf(target) ?? -1) > own)
      .map((target) => `${path} imports ${target}`);
  });
}

/** Circles in a graph: each as its members, sorted. */
function circles(graph: ReadonlyMap<string, Iterable<string>>): string[][] {
  const reach = new Map<string, Set<string>>();
  for (const start of graph.keys()) {
    const seen = new Set<string>();
    const open = [start];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      for (const next of graph.get(at) ?? []) {
        if (seen.has(next)) continue;
        seen.add(next);
        open.push(next);
      }
    }
    reach.set(start, seen);
  }
  const found = new Map<string, string[]>();
  for (const [start, seen] of reach) {
    if (!seen.has(start)) continue;
    const members = [...seen].filter((other) => reach.get(other)?.has(start)).sort();
    found.set(members.join(" "), members);
  }
  return [...found.values()];
}

/** Which room imports from which other. */
function roomGraph(
  sources: readonly Source[],
  floors: readonly string[],
): Map<string, Set<string>> {
  const graph = new Map<string, Set<string>>();
  for (const { path, imports } of sources) {
    const room = roomOf(path, floors) ?? path;
    const others = graph.getOrInsertComputed(room, () => new Set());
    for (const target of imports) {
      const other = roomOf(target, floors);
      if (other !== null && other !== room) others.add(other);
    }
  }
  return graph;
}

/** Everything that a running deployment consists of, and its commands. */
async function production(): Promise<Map<string, string>> {
  const paths = (await sourceFiles()).filter((path) =>
    /^(lib|routes|components|islands)\//.test(path) || !path.includes("/")
  );
  return new Map(
    await Promise.all(paths.map(async (path) => [path, await projectText(path)] as const)),
  );
}

const TEXTS = await production();
const SOURCES: readonly Source[] = [...TEXTS].map(([path, text]) => ({
  path,
  imports: importsOf(path, text),
}));

/** The lines of the production sources, the most first. */
const LENGTHS = [...TEXTS].map(([path, text]) => ({ path, lines: text.split("\n").length - 1 }))
  .sort((a, b) => b.lines - a.lines);

Deno.test("imports go down only, of types too", () => {
  assert.deepEqual(upward(SOURCES, FLOORS), []);
});

Deno.test("no files and no rooms import each other in a circle", () => {
  assert.deepEqual(circles(new Map(SOURCES.map(({ path, imports }) => [path, imports]))), []);
  assert.deepEqual(circles(roomGraph(SOURCES, FLOORS)), []);
});

Deno.test("every room of the floors has something in it", () => {
  const rooms = new Set(SOURCES.map(({ path }) => roomOf(path, FLOORS)));
  assert.deepEqual(FLOORS.filter((room) => !rooms.has(room)), []);
});

Deno.test("an import upward, a circle and a file in no room are found", () => {
  const floors = ["lib/low", "lib/middle.ts", "lib/high", ""];
  const low = { path: "lib/low/a.ts", imports: ["lib/low/b.ts"] };
  const b = { path: "lib/low/b.ts", imports: [] as string[] };
  const middle = { path: "lib/middle.ts", imports: ["lib/low/a.ts"] };
  const high = { path: "lib/high/c.ts", imports: ["lib/middle.ts", "lib/low/b.ts"] };
  const main = { path: "main.ts", imports: ["lib/high/c.ts"] };
  const good = [low, b, middle, high, main];
  const filesOf = (sources: readonly Source[]) =>
    circles(new Map(sources.map(({ path, imports }) => [path, imports])));
  assert.deepEqual(upward(good, floors), []);
  assert.deepEqual(filesOf(good), []);
  assert.deepEqual(circles(roomGraph(good, floors)), []);

  const up = { ...b, imports: ["lib/high/c.ts"] };
  const bad = [low, up, middle, high, main];
  assert.deepEqual(upward(bad, floors), ["lib/low/b.ts imports lib/high/c.ts"]);
  assert.deepEqual(filesOf(bad), [
    ["lib/high/c.ts", "lib/low/a.ts", "lib/low/b.ts", "lib/middle.ts"],
  ]);
  assert.deepEqual(circles(roomGraph(bad, floors)), [["lib/high", "lib/low", "lib/middle.ts"]]);

  // Within one room nothing goes up, and two files can still need each other.
  const back = { ...b, imports: ["lib/low/a.ts"] };
  assert.deepEqual(upward([low, back], floors), []);
  assert.deepEqual(filesOf([low, back]), [["lib/low/a.ts", "lib/low/b.ts"]]);

  const elsewhere = { path: "lib/new/d.ts", imports: [] };
  assert.deepEqual(upward([elsewhere], floors), ["lib/new/d.ts stands in no room"]);
});

Deno.test("an import is read whatever it brings, and text that looks like one is not", () => {
  const text = `import { z } from "zod";
import type { A } from "../store/a.ts";
import {
  b,
  type C,
} from "./b.ts";
import "./side.ts";
export { d } from "./d.ts";
import guard from "../../examples/guard.ts" with { type: "text" };
import config from "../../deno.json" with { type: "json" };
const later = () => import("./later.ts");
const script = \`
  import { x } from "./x.ts";
\`;
`;
  assert.deepEqual(importsOf("lib/room/file.ts", text), [
    "lib/store/a.ts",
    "lib/room/b.ts",
    "lib/room/side.ts",
    "lib/room/d.ts",
    "examples/guard.ts",
    "lib/room/later.ts",
  ]);
});

Deno.test("files are of a size to be read at once, and not so many that one loses one's way", () => {
  const lines = LENGTHS.map((file) => file.lines);
  const mean = lines.reduce((sum, length) => sum + length, 0) / lines.length;
  // More rooms bring more files; what a file should be stays.
  assert(lines.length >= 350 && lines.length <= 750, `${lines.length} production files`);
  assert(mean >= 130 && mean <= 190, `${mean} lines a file`);
  const short = lines.filter((length) => length < 40).length;
  assert(short < 0.12 * lines.length, `${short} files under 40 lines`);
  const long = LENGTHS.filter((file) => file.lines > 450).map(({ path }) => path);
  assert.deepEqual(long.filter((path) => !TABLES.includes(path)), []);
  assert.deepEqual(TABLES.filter((path) => !long.includes(path)), []);
});

Deno.test("what a neighbour alone imports lives in it, unless the two are too long together", () => {
  const importers = new Map<string, string[]>();
  for (const { path, imports } of SOURCES) {
    for (const target of new Set(imports)) {
      importers.getOrInsertComputed(target, () => []).push(path);
    }
  }
  const lines = new Map(LENGTHS.map((file) => [file.path, file.lines]));
  const folder = (path: string) => path.slice(0, path.lastIndexOf("/"));
  const alone = [...importers].filter(([path, [first = "", ...more]]) => {
    const together = (lines.get(path) ?? 0) + (lines.get(first) ?? 0);
    return more.length === 0 && folder(first) === folder(path) && together <= LONG;
  }).map(([path]) => path);
  assert.deepEqual(alone.sort(), Object.keys(ALONE));
});

Deno.test("keys of the store are made in lib/store", () => {
  const key =
    /\.(?:get|set|delete|sum|min|max|enqueue)\(\s*\[\s*["`]|\b(?:prefix|start|end):\s*\[\s*["`]\w/;
  const named = [...TEXTS].filter(([path, text]) =>
    !path.startsWith("lib/store/") && key.test(text)
  );
  assert.deepEqual(named.map(([path]) => path), []);
  // The rule knows a key when it sees one.
  for (
    const text of ['kv.get(["org", id])', 'kv.list({ prefix: ["org"] })', "row.set([`org`, id])"]
  ) {
    assert.match(text, key);
  }
});

/** The arguments of the call whose bracket opens before `at`. */
function argumentsAt(text: string, at: number): string[] {
  const found = [""];
  let depth = 0;
  for (const character of text.slice(at)) {
    if ("([{".includes(character)) depth++;
    if (")]}".includes(character) && --depth < 0) break;
    if (character === "," && depth === 0) found.push("");
    else found.push((found.pop() ?? "") + character);
  }
  return found.map((argument) => argument.trim()).filter((argument) => argument !== "");
}

/** The calls that read rows, and which of their arguments says what a row is. */
const READS = new Map([["readRecord", 2], ["readRecords", 2], ["listRecords", 2], [
  "parseRecord",
  1,
], ["reader.get", 1]]);
const READ = /(?<!function )\b(readRecords?|listRecords|parseRecord|reader\.get)\(/g;

/** Reads of rows by a schema that is neither handed in nor from `lib/store`. */
function foreignSchemas(path: string, text: string): string[] {
  // Handed in, or nothing but whether there is a row.
  const known = new Set(["schema", "z.unknown()"]);
  for (const [, names = "", from = ""] of text.matchAll(/^import \{([^}]*)\} from "([^"]+)"/gm)) {
    if (!pathFrom(path, from).startsWith("lib/store/")) continue;
    for (const name of names.split(",")) known.add(name.trim());
  }
  return [...text.matchAll(READ)].flatMap(({ 0: call, 1: read = "", index }) => {
    const schema = argumentsAt(text, index + call.length)[READS.get(read) ?? 0] ?? "";
    // Of a module imported as a whole the module counts.
    return known.has(schema) || /^(?:log|policy|identity|oauth)\./.test(schema)
      ? []
      : [`${path} reads by ${schema}`];
  });
}

Deno.test("records are described in lib/store", () => {
  const sources = [...TEXTS].filter(([path]) => !path.startsWith("lib/store/"));
  assert.deepEqual(sources.flatMap(([path, text]) => foreignSchemas(path, text)), []);
  const schemas = sources.filter(([path, text]) =>
    path.startsWith("lib/") && /^import \{[^}]*\bz\b[^}]*\} from "zod"/m.test(text) &&
    /\bz\.(?!infer|output|input|ZodType|unknown)/.test(text)
  ).map(([path]) => path);
  assert.deepEqual(schemas.sort(), [...READS_WHAT_IS_GIVEN]);
  const text = `import { one } from "../store/records/one.ts";
const two = z.object({});
await readRecord(kv, oneKey(id, 1), one);
await readRecord(kv, twoKey(id), two);
await reader.get(key, schema);
`;
  assert.deepEqual(foreignSchemas("lib/room/file.ts", text), ["lib/room/file.ts reads by two"]);
});

Deno.test("the policy and the guards know no clock, no chance and no store", () => {
  const outside =
    /\b(?:await|async|Deno\.|fetch\(|Date\.now|new Date\(\)|performance\.|Math\.random|crypto\.|setTimeout|console\.)/;
  for (const { path, imports } of SOURCES) {
    if (!/^lib\/(?:policy|guards)\//.test(path)) continue;
    assert.doesNotMatch(TEXTS.get(path) ?? "", outside, path);
    for (const target of imports) {
      assert.match(
        target,
        /^lib\/(?:base|scrub|guards|policy|store\/records)\/|^lib\/store\/(?:keys|gateway_keys|record)\.ts$/,
        path,
      );
    }
    assert.doesNotMatch(TEXTS.get(path) ?? "", /from "node:/, path);
  }
});
