import assert from "node:assert/strict";
import { clientTypes } from "../../tools/client_types.ts";

Deno.test("the types of the TypeScript client are those of the OpenAPI document", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const made = `${folder}/openapi.ts`;
    await Deno.writeTextFile(made, await clientTypes());
    const { code } = await new Deno.Command(Deno.execPath(), {
      args: ["fmt", "--quiet", "--config", "deno.json", made],
      cwd: new URL("../../", import.meta.url),
    }).output();
    assert.equal(code, 0);
    const kept = new URL("../../clients/typescript/src/openapi.ts", import.meta.url);
    const same = await Deno.readTextFile(kept) === await Deno.readTextFile(made);
    assert.ok(same, "run `deno task clients:types`");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
