import assert from "node:assert/strict";
import { PAGE_PATHS, pagePath } from "../../lib/base/page_path.ts";
import { ENDPOINTS, PAGES } from "../../routes/manifest.ts";
import { OAUTH_ENDPOINTS } from "../../routes/oauth/endpoints.ts";
import { projectText, sourceFiles } from "../helpers/project_files.ts";

/** Folders whose texts lead to pages. */
const LINKING = ["routes/pages/", "routes/dashboard/", "components/", "islands/", "lib/"];

/** First segments that pages have. */
const FIRST = new Set(PAGE_PATHS.flatMap((path) => path.split("/")[1] || []));

/** Paths without parameters that a text names, and pieces of paths that it puts together. */
function namedIn(text: string): { readonly literals: string[]; readonly built: string[] } {
  const isPage = (path: string) => FIRST.has(path.split(/[/?#]/)[1] ?? "");
  const literals = [...text.matchAll(/"(\/[a-z][^"\s]*)"/g)].map(([, path = ""]) => path);
  // A JSON pointer into a body is none.
  const built = [
    ...text.matchAll(/(?<!invalidRequest\(\s*)`(?:\$\{[\w.]*origin\})?(\/[a-z][^`$]*)\$\{/g),
  ];
  return {
    literals: literals.filter(isPage).map((path) => path.split(/[?#]/)[0] ?? ""),
    built: built.map(([, path = ""]) => path).filter(isPage),
  };
}

Deno.test("the paths are those of the pages that are declared, and of what these ask for", () => {
  const declared = new Set([...PAGES, ...ENDPOINTS].map(({ path }) => path));
  assert.deepEqual([...declared].sort(), [...PAGE_PATHS].sort());
});

Deno.test("what a path is made with is encoded", () => {
  assert.equal(pagePath("/"), "/");
  assert.equal(pagePath("/approvals/:id", { id: "apr_1" }), "/approvals/apr_1");
  assert.equal(pagePath("/tenants/:id", { id: "a/b?c#d %" }), "/tenants/a%2Fb%3Fc%23d%20%25");
  assert.equal(pagePath("/tools/:name{.+}", { name: "a/b c" }), "/tools/a/b%20c");
  assert.equal(
    pagePath("/recover/:account/:link", { account: "acc", link: ":account" }),
    "/recover/acc/%3Aaccount",
  );
});

Deno.test("what no path names goes into the query, and nothing that is empty", () => {
  assert.equal(
    pagePath("/activity", { actor: "a&b=c", type: null, tool_name: "", cursor: undefined }),
    "/activity?actor=a%26b%3Dc",
  );
  assert.equal(pagePath("/set-up/:link", { link: "x", again: 1 }), "/set-up/x?again=1");
  assert.equal(pagePath("/rules", { id: "rul_1" }), "/rules?id=rul_1");
  assert.equal(
    pagePath("/sign-in", { to: "/set-up/x?again=1" }),
    "/sign-in?to=%2Fset-up%2Fx%3Fagain%3D1",
  );
});

Deno.test("no source puts the path of a page together, or names one that there is not", async () => {
  // What other servers ask for begins like a page of ours.
  const forServers = OAUTH_ENDPOINTS.map(({ path }) => path.split(":")[0] ?? "");
  const known: ReadonlySet<string> = new Set([...PAGE_PATHS, ...forServers]);
  const wrong: string[] = [];
  for (const folder of LINKING) {
    for (const source of await sourceFiles(folder)) {
      const { literals, built } = namedIn(await projectText(source));
      wrong.push(...built.map((path) => `${source} builds ${path}`));
      const strange = literals.filter((path) => !known.has(path));
      wrong.push(...strange.map((path) => `${source} names ${path}`));
    }
  }
  assert.deepEqual(wrong, []);
});

Deno.test("a path that is put together, or leads nowhere, is found", () => {
  const text = 'a(`/rules/${id}`); b(`${origin}/team/${email}`); c("/rules/none"); d("/v1/rules");';
  assert.deepEqual(namedIn(text), { literals: ["/rules/none"], built: ["/rules/", "/team/"] });
});
