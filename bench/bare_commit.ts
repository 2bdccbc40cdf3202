import { percentile } from "./percentile.ts";

/**
 * One atomic operation after another on a store: two checks and three small sets, as the
 * commit of a lone check has them. `bare_commit.ts STORE`; each line on standard input, a number of
 * seconds, is answered by a line of JSON.
 */

const [path = ""] = Deno.args;
const kv = await Deno.openKv(path);
const version = await kv.set(["bare_commit", "version"], { version: 1 });
let head = await kv.set(["bare_commit", "head"], { size: 0 });
let size = 0;

async function commitFor(seconds: number) {
  const times: number[] = [];
  const started = performance.now();
  let before = started;
  while (before - started < seconds * 1000) {
    size++;
    const answer = await kv.atomic()
      .check({ key: ["bare_commit", "version"], versionstamp: version.versionstamp })
      .check({ key: ["bare_commit", "head"], versionstamp: head.versionstamp })
      .set(["bare_commit", "head"], { size })
      .set(["bare_commit", "entry", size], { text: "entry" })
      .set(["bare_commit", "private", size], { text: "private" })
      .commit();
    if (!answer.ok) throw new Error("A commit that nobody competed with was refused");
    head = answer;
    const now = performance.now();
    times.push(now - before);
    before = now;
  }
  times.sort((a, b) => a - b);
  return {
    perSecond: times.length / ((before - started) / 1000),
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    failed: 0,
    generatorBusy: 0,
  };
}

console.log(JSON.stringify({ ready: true }));
for await (const chunk of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  console.log(JSON.stringify(await commitFor(Number(chunk))));
}
