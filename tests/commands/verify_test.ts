import assert from "node:assert/strict";
import { publishedLogKey } from "../../lib/tlog/log_key.ts";
import { byteLines } from "../../lib/verify/export_lines.ts";
import { findingText } from "../../lib/verify/verdict_text.ts";
import { chunked, receiptOf, signer, stranger } from "../helpers/log_verdicts.ts";
import { PROJECT } from "../helpers/project_files.ts";
import { checkpointOf, exportOf, logOf } from "../helpers/signed_log.ts";

Deno.test("findingText() names code, entry and meaning, and lets nothing steer the terminal", () => {
  const text = findingText({
    code: "org_mismatch",
    index: 7,
    what: "Entry 7 is of \u001b[2J\u202e",
    earlier: null,
  });
  assert.match(text, /^WRONG at entry 7 \(org_mismatch\)\n/);
  assert.match(text, /another organization/);
  assert.ok(!/(?!\n)[\p{Cc}\p{Cf}]/u.test(text));
});

Deno.test("byteLines() cuts the same lines however the bytes come", async () => {
  const text = "one\n\nthree é\nlast";
  for (let size = 1; size <= 20; size++) {
    const lines: string[] = [];
    for await (const batch of byteLines(chunked(text, size))) {
      lines.push(...batch.map((bytes) => new TextDecoder().decode(bytes)));
    }
    assert.deepEqual(lines, text.split("\n"));
  }
});

Deno.test("verify.ts exits 0, 1 or 2 when a log is fine, wrong or unreadable", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const lines = logOf(20);
    const receipt = await receiptOf(lines, 7);
    const files: Record<string, string> = {
      "good.ndjson": exportOf(lines),
      "changed.ndjson": exportOf(lines).replace('"id":"dec_7"', '"id":"dec_x"'),
      "checkpoint": await checkpointOf(lines, signer, 18),
      "previous": await checkpointOf(lines, signer, 5),
      "stranger": await checkpointOf(lines, stranger),
      "keys.json": JSON.stringify({ keys: [publishedLogKey(signer.key)] }),
      "receipt.json": JSON.stringify(receipt),
      "altered.json": JSON.stringify({ ...receipt, index: 8 }),
    };
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    const runs: [string, number, RegExp][] = [
      [
        "good.ndjson --checkpoint checkpoint --previous previous --keys keys.json",
        0,
        /^OK: the log/,
      ],
      [
        "changed.ndjson --checkpoint checkpoint --keys keys.json",
        1,
        /WRONG at entry 7 \(leaf_hash/,
      ],
      ["good.ndjson --checkpoint stranger --keys keys.json", 1, /WRONG \(unpinned_key\)/],
      ["--receipt receipt.json --keys keys.json", 0, /^OK: the entry is in the log/],
      ["--receipt altered.json --keys keys.json", 1, /entry_index_mismatch/],
      ["absent.ndjson --checkpoint checkpoint --keys keys.json", 2, /Cannot read absent.ndjson/],
      ["good.ndjson --keys keys.json", 2, /^--checkpoint is missing: [^]*Usage/],
      ["--checkpoint checkpoint --keys keys.json", 2, /^The export is missing/],
      ["good.ndjson --checkpoint checkpoint", 2, /^--keys is missing: [^]*Usage/],
      ["good.ndjson previous --keys keys.json", 2, /^One export at a time, and here are 2/],
      ["--keys keys.json", 2, /^Name one thing to verify/],
      ["--help", 0, /^Usage/],
    ];
    const verifier = new URL("verify.ts", PROJECT).pathname;
    const config = new URL("deno.json", PROJECT).pathname;
    await Promise.all(runs.map(async ([args, code, said]) => {
      const output = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--config", config, "--allow-read", verifier, ...args.split(" ")],
        cwd: folder,
        env: { NO_COLOR: "1" },
      }).output();
      const text = new TextDecoder().decode(
        Uint8Array.from([...output.stdout, ...output.stderr]),
      );
      assert.equal(output.code, code, `${args}\n${text}`);
      assert.match(text, said);
    }));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
