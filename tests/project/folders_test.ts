import assert from "node:assert/strict";
import { projectText, sourceFiles } from "../helpers/project_files.ts";

/**
 * Where a test lies: in the folder that is called as the room it tests, so that each room can be
 * tried alone. What tests share lies in `tests/helpers/`, and what one folder alone needs, there.
 */

/** Folders of tests that no room is called like, and what they hold. */
const OTHERS = [
  /** What an attacker tries, over HTTP. */
  "attacks",
  /** What people do in a browser. */
  "browser",
  /** Programs of others that meet the service. */
  "clients",
  /** What is started as a process of its own. */
  "commands",
  /** What `examples/` shows. */
  "examples",
  /** Guards for frameworks of agents, each tried in the framework itself. */
  "frameworks",
  "helpers",
  /** What the project's own files are held to. */
  "project",
  /** The packages of `clients/`, of which each language's is driven by the same vectors. */
  "sdk",
  /** Whole deployments in one process, with faults, under one seed. */
  "simulation",
  /** How every page looks, in each theme and at each width. */
  "sights",
];
const IMPORT = /^(?:import|export|\}).* from "(\.{1,2}\/[^"]+)"/gm;

/** A file of tests, or what reaches for one, and the files of tests it imports. */
interface Importing {
  readonly path: string;
  readonly imports: readonly string[];
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1);
}

function importsOf(path: string, text: string, files: readonly string[]): Importing {
  const imports = [...text.matchAll(IMPORT)]
    .map(([, to = ""]) => new URL(to, `file:///${path}`).pathname.slice(1))
    .filter((to) => to.startsWith("tests/") && files.includes(to));
  return { path, imports };
}

/** What lies elsewhere than it should, a sentence each. */
function misplaced(files: readonly Importing[], rooms: ReadonlySet<string>): string[] {
  const wrong: string[] = [];
  for (const { path, imports } of files.filter(({ path }) => path.startsWith("tests/"))) {
    const [, room = "", ...rest] = path.split("/");
    if (rest.length !== 1) wrong.push(`${path} lies in no folder of tests/, or too deep`);
    else if (!rooms.has(room)) wrong.push(`${path}: no room is called ${room}`);
    const isTest = /_test\.tsx?$/.test(path);
    if (room === "helpers" && isTest) wrong.push(`${path}: a test among the helpers`);
    for (const to of imports) {
      const isNear = folderOf(to) === folderOf(path) || folderOf(to) === "tests/helpers/";
      if (!isNear) wrong.push(`${path} imports ${to}, of another folder: it belongs in helpers`);
      if (/_test\.tsx?$/.test(to)) wrong.push(`${path} imports the test ${to}`);
    }
    if (room !== "helpers") continue;
    const users = files.filter((other) => other.imports.includes(path));
    const [only, ...more] = new Set(users.map((user) => folderOf(user.path)));
    if (only === undefined) wrong.push(`${path}: nobody imports it`);
    else if (more.length === 0 && only !== "tests/helpers/" && only.startsWith("tests/")) {
      wrong.push(`${path}: ${only} alone imports it, so it belongs there`);
    }
  }
  return wrong;
}

Deno.test("each test lies in the folder of its room, and what tests share among the helpers", async () => {
  const files = await sourceFiles();
  const rooms = new Set([...OTHERS, "components", "islands"]);
  for (const path of files) {
    const [top, room, ...rest] = path.split("/");
    if ((top === "lib" || top === "routes") && room !== undefined && rest.length > 0) {
      rooms.add(room);
    }
  }
  const importing: Importing[] = [];
  for (const path of files) importing.push(importsOf(path, await projectText(path), files));
  assert.deepEqual(misplaced(importing, rooms), []);
});

Deno.test("a test outside its room, and a helper that one folder alone needs, are found", () => {
  const rooms = new Set(["a", "b", "helpers"]);
  const helper = { path: "tests/helpers/h.ts", imports: [] };
  const wrong = (...files: Importing[]) =>
    misplaced([helper, { path: "tests/b/o_test.ts", imports: [helper.path] }, ...files], rooms);
  const uses = (path: string, ...imports: string[]) => ({
    path,
    imports: [helper.path, ...imports],
  });
  assert.deepEqual(wrong(uses("tests/a/one_test.ts")), []);
  assert.match(wrong().join(), /b\/ alone imports it/);
  assert.match(wrong(uses("tests/one_test.ts")).join(), /one_test.ts lies in no folder/);
  assert.match(wrong(uses("tests/c/one_test.ts")).join(), /no room is called c/);
  assert.match(
    wrong(uses("tests/a/one_test.ts", "tests/b/two.ts")).join(),
    /imports tests\/b\/two/,
  );
  assert.match(wrong(uses("tests/a/x.ts", "tests/a/one_test.ts")).join(), /imports the test/);
  assert.match(wrong(uses("tests/helpers/one_test.ts")).join(), /a test among the helpers/);
  assert.match(wrong({ path: "tests/helpers/i.ts", imports: [] }).join(), /nobody imports it/);
});
