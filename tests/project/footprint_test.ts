import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { PROJECT } from "../helpers/project_files.ts";

/** Files that one warm check may pass through; whoever reads the way of a request reads these. */
const MOST = { checking: 42, asking: 58 };

Deno.test("one warm check passes through few files", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--config", "deno.dev.json", "tools/footprint.ts"],
    cwd: fileURLToPath(PROJECT),
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const said = new TextDecoder().decode(stdout);
  const [checking = Infinity, asking = Infinity] = (said.match(/\d+/g) ?? []).map(Number);
  assert.ok(checking > 10 && asking > checking, said);
  assert.ok(checking <= MOST.checking && asking <= MOST.asking, said);
});
