import assert from "node:assert/strict";
import { VERSION as COMMAND } from "../../clients/typescript/src/cli/version.ts";
import { VERSION } from "../../lib/base/version.ts";
import { NPX_DENO } from "../../lib/onboarding/builder_scripts.ts";
import { SERVER_INFO } from "../../routes/mcp/server.ts";
import { Countersign } from "../helpers/countersign.ts";
import { projectFiles, projectText } from "../helpers/project_files.ts";

Deno.test("one number is the version, wherever it is said", async () => {
  assert.match(VERSION, /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/);
  await using countersign = await Countersign.start();
  const { body: health } = await countersign.request("GET", "/healthz");
  const { body: openApi } = await countersign.request("GET", "/v1/openapi.json");
  assert.deepEqual(
    {
      healthz: (health as { version: string }).version,
      openApi: (openApi as { info: { version: string } }).info.version,
      mcp: SERVER_INFO.version,
      registry: JSON.parse(await projectText("server.json")).version,
      deno: JSON.parse(await projectText("deno.json")).version,
      npm: JSON.parse(await projectText("clients/typescript/pack.json")).version,
      command: COMMAND,
      python: /^version = "(.+)"$/m.exec(await projectText("clients/python/pyproject.toml"))?.[1],
    },
    {
      healthz: VERSION,
      openApi: VERSION,
      mcp: VERSION,
      registry: VERSION,
      deno: VERSION,
      npm: VERSION,
      command: VERSION,
      python: VERSION,
    },
  );
});

Deno.test("one version of Deno is named to readers, the one that this runs on", async () => {
  assert.equal(NPX_DENO, `npx -y deno@${Deno.version.deno}`);
  const speaking = (await projectFiles()).filter((path) =>
    path === ".ci/run" ||
    /\.(md|tsx?|py|json|toml)$/.test(path) && !/^(tests\/|CHANGELOG)/.test(path)
  );
  for (const path of speaking) {
    for (const [, version] of (await projectText(path)).matchAll(/\bdeno@(\d[\d.]*\d)/g)) {
      assert.equal(version, Deno.version.deno, path);
    }
  }
});

Deno.test("the changelog has a section for each release, the newest is this one", async () => {
  const headings: string[] = (await projectText("CHANGELOG.md")).match(/^## .*$/gm) ?? [];
  const releases = headings.filter((heading) => heading !== "## Unreleased");
  assert.ok(
    releases.every((one) => /^## \d+\.\d+\.\d+ \(\d{4}-\d{2}-\d{2}\)$/.test(one)),
    `${releases}`,
  );
  assert.ok(headings.indexOf("## Unreleased") <= 0, "what is unreleased stands first");
  assert.ok(releases[0]?.startsWith(`## ${VERSION} (`), `${releases[0]} is not ${VERSION}`);
});
