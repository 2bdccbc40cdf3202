import assert from "node:assert/strict";
import { runPrinted } from "../helpers/printed_program.ts";
import { PROJECT } from "../helpers/project_files.ts";

const TOLD = [
  "the tools of all three are there, as if one server had them",
  "this is the file on disk",
  "asked again, it has not forgotten",
  "the call is held, nothing is written",
  "the same call went on: shopping.txt is on disk, as it was approved",
  "the host is told recently_denied, and the file is as it was",
  "what may have run is not called a failure",
  "the key answers with the same call",
  "the books of the shop have each refund once",
  "a call of it waits for somebody to read the new words, and nothing was sent",
  "no agent was shown them",
  "the log is whole, and since the earlier checkpoint only grew",
  "the servers behind the gateway ran 6 calls: the log has 6 tokens consumed, 6 executions",
  "Countersign and its programs have ended",
];

Deno.test("deno task demo:gateway has real servers behind the gateway, and leaves nothing behind", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { code, out, err } = await runPrinted("deno task --quiet demo:gateway", {
      folder: PROJECT.pathname,
      env: { TMPDIR: folder },
    });
    assert.equal(code, 0, out + err);
    const claims = out.split("\n").flatMap((line) => /^\s*✓ (.*)$/.exec(line)?.[1] ?? []);
    assert.deepEqual(claims, TOLD);
    assert.doesNotMatch(out + err, /cs_(mgmt|appr|agent|live|run)_/, "secrets are not printed");
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
