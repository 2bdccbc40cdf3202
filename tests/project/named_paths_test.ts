import assert from "node:assert/strict";
import { projectFiles, projectText } from "../helpers/project_files.ts";

/**
 * Documents and comments say where something is, and which test shows it. Each file, folder and test
 * that one of them names exists.
 */

/** Written to be copied into another project, whose files they name. */
const FOR_OTHERS = "examples/skill/";
/** What names files without being a document or a source. */
const OTHERS = ["deno.json", "deno.dev.json", ".ci/run"];
/** Methods of MCP that are spelled like a path. */
const METHODS = /^tools\/(call|list)$/;
const FILE =
  /(?<![\w@:./*-])(?:\.{1,2}\/)*(?:[\w.*-]+\/)*[A-Za-z\d*][\w.*-]*\.(?:tsx?|md|jsonl|yml)(?![\w*])/;
const TEST = /`([\w./-]+_test\.tsx?)`[,:]? “([^”]+)”/g;

/**
 * What a text names that is not there, each as it stands in the text.
 * @param from where the text stands: names in it may go out from its folder, or from the project's
 */
function unknownNames(text: string, from: string, files: readonly string[]): string[] {
  const tops = new Set(files.filter((path) => path.includes("/")).map(topOf));
  const folder = `(?<![\\w@:./*-])(?:${[...tops].map(RegExp.escape).join("|")})\\/[\\w./*-]*`;
  const named = new RegExp(`${FILE.source}|${folder}`, "g");
  return text.split("\n").flatMap((line) => {
    let near = folderOf(from);
    return [...line.matchAll(named)].map(([name]) => name.replace(/[./]+$/, "")).filter((name) => {
      if (METHODS.test(name)) return false;
      const found = meant(name, [near, folderOf(from)], files);
      if (found !== null) near = folderOf(found);
      return found === null;
    });
  });
}

/** The file or folder that a name means, or null: a bare name is that of one file alone. */
function meant(name: string, near: readonly string[], files: readonly string[]): string | null {
  for (const folder of ["", ...near]) {
    const { pathname } = new URL(folder + name, "file:///");
    const path = pathname.slice(1);
    if (path.includes("*")) {
      const glob = new RegExp(`^${path.split("*").map(RegExp.escape).join("[^/]*")}(/|$)`);
      const found = files.find((file) => glob.test(file));
      if (found !== undefined) return found;
    } else if (files.includes(path)) return path;
    else if (files.some((file) => file.startsWith(`${path}/`))) return `${path}/`;
  }
  const [only, ...more] = files.filter((file) => file.endsWith(`/${name}`));
  return name.includes("/") || more.length > 0 ? null : only ?? null;
}

/** The names of tests that a text quotes behind their file, and that are not in it. */
function unknownTests(text: string, sources: ReadonlyMap<string, string>): string[] {
  return [...text.matchAll(TEST)].filter(([, file = "", title = ""]) => {
    const found = [...sources].find(([path]) => path === file || path.endsWith(`/${file}`));
    return found === undefined || !/["`]/.test(found[1].charAt(found[1].indexOf(title) - 1));
  }).map(([all]) => all);
}

function topOf(path: string): string {
  return path.slice(0, path.indexOf("/"));
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1);
}

/** What of a file speaks to its reader: of a source the comments, of the changelog what is newest. */
function proseOf(path: string, text: string): string {
  if (path === "CHANGELOG.md") return text.split(/^## /m).slice(0, 2).join("");
  if (!/\.tsx?$/.test(path)) return text;
  return [...text.matchAll(/\/\*[^]*?\*\/|\/\/.*/g)].map(([comment]) => comment).join("\n");
}

Deno.test("every file, folder and test that a document or a comment names exists", async () => {
  const files = await projectFiles();
  const speaking = files.filter((path) =>
    /\.(tsx?|md)$/.test(path) && !path.startsWith(FOR_OTHERS) || OTHERS.includes(path)
  );
  const sources = new Map<string, string>();
  for (const path of speaking) sources.set(path, await projectText(path));
  const wrong: string[] = [];
  for (const [path, text] of sources) {
    const prose = proseOf(path, text);
    for (const name of [...unknownNames(prose, path, files), ...unknownTests(prose, sources)]) {
      // What this test is shown below is not there on purpose.
      if (!import.meta.url.endsWith(`/${path}`)) wrong.push(`${path} names ${name}`);
    }
  }
  assert.deepEqual(wrong, []);
});

const FILES = [
  "README.md",
  "docs/a.md",
  "docs/b.md",
  "lib/x/one.ts",
  "lib/y/one.ts",
  "lib/y/two.ts",
];

Deno.test("a name that leads nowhere, or to two files, is found", () => {
  const wrong = (text: string, from = "docs/a.md") => unknownNames(text, from, FILES);
  assert.deepEqual(wrong("see `lib/x/two.ts` and docs/c.md."), ["lib/x/two.ts", "docs/c.md"]);
  assert.deepEqual(wrong("all of lib/z/, [c](c.md), [z](../lib/z.ts)"), [
    "lib/z",
    "c.md",
    "../lib/z.ts",
  ]);
  assert.deepEqual(wrong("`lib/*_test.ts`, `three.ts`"), ["lib/*_test.ts", "three.ts"]);
  assert.deepEqual(wrong("`one.ts` of two folders"), ["one.ts"]);
});

Deno.test("a name is taken from the project, from its text's folder or from the path before it", () => {
  const text =
    "lib/, lib/y/*.ts, [b](b.md), ../README.md, ./b.md, lib/y/two.ts, one.ts, tools/call";
  assert.deepEqual(unknownNames(text, "docs/a.md", FILES), []);
  assert.deepEqual(unknownNames("`two.ts` alone; see one.ts", "lib/x/one.ts", FILES), []);
  assert.deepEqual(unknownNames("https://example.com/docs/c.md", "docs/a.md", FILES), []);
});

Deno.test("a quoted test is looked for in the file that is named with it", () => {
  const sources = new Map([["tests/x/a_test.ts", 'Deno.test("one holds", () => {});']]);
  assert.deepEqual(unknownTests("`tests/x/a_test.ts`, “one holds”", sources), []);
  assert.deepEqual(unknownTests("`a_test.ts`: “two holds”", sources), ["`a_test.ts`: “two holds”"]);
  assert.deepEqual(unknownTests("`b_test.ts` “one holds”", sources), ["`b_test.ts` “one holds”"]);
});

Deno.test("of the changelog the newest section speaks, of a source its comments", () => {
  assert.equal(proseOf("CHANGELOG.md", "# C\n## 2\nnew\n## 1\nold\n"), "# C\n2\nnew\n");
  assert.equal(proseOf("a.ts", "/** one */ const a = 1; // two\n"), "/** one */\n// two");
});
