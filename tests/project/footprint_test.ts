import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { PROJECT } from "../helpers/project_files.ts";

/** Files and frames that one warm check may pass: whoever reads the way of a request reads these. */
const MOST = { checking: 38, asking: 50, frames: 20 };

Deno.test("one warm check passes through few files", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--config", "deno.dev.json", "tools/footprint.ts"],
    cwd: fileURLToPath(PROJECT),
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const said = new TextDecoder().decode(stdout);
  const [checking = Infinity, asking = Infinity, frames = Infinity] = (said.match(/\d+/g) ?? [])
    .map(Number);
  assert.ok(checking > 10 && asking > checking && frames > 10, said);
  assert.ok(checking <= MOST.checking && asking <= MOST.asking, said);
  assert.ok(frames <= MOST.frames, said);
});
