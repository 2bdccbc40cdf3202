import process from "node:process";
import { parseStrictJson } from "../lib/base/strict_json.ts";
import { Countersign } from "../tests/helpers/countersign.ts";
import { stripeDocument } from "../tests/helpers/stripe_mock.ts";
import { median } from "./percentile.ts";
import { atMost, printTable, printWanted } from "./report.ts";

/**
 * `deno task bench:openapi`: how long it takes until all operations of Stripe's published document
 * (8 MB, 594 of them) are drafts, beside parsing its text once: as the service parses what strangers
 * send, and with the runtime's own `JSON.parse`, which takes names that stand twice. From the first byte of `PUT /v1/upstreams/:name` to the last of its answer, over a store in memory.
 */

const ROUNDS = 15;

/** How many times as long it may take. */
const WANTED = 20;

/** What this process worked and what passed, milliseconds; of both the shorter is told. */
async function took(run: () => Promise<unknown> | void): Promise<number> {
  const worked = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
  const begun = { passed: performance.now(), worked: worked() };
  await run();
  return Math.min(performance.now() - begun.passed, worked() - begun.worked);
}

const text = await stripeDocument();
const base_url = "http://127.0.0.1:9";
await using countersign = await Countersign.start({
  variables: { COUNTERSIGN_PRIVATE_HOSTS: new URL(base_url).host },
});
const org = await countersign.org();
const body = new TextEncoder().encode(
  `{"kind":"openapi","base_url":"${base_url}","document":${text}}`,
);
const headers = { "x-api-key": org.management, "content-type": "application/json" };
const rows: [string, number, number, number][] = [];
for (let round = 0; round < ROUNDS; round++) {
  const native = await took(() => void JSON.parse(text));
  const strict = await took(() => void parseStrictJson(text));
  const putting = await took(async () => {
    const url = `${countersign.origin}/v1/upstreams/stripe-${round}`;
    const answer = await fetch(url, { method: "PUT", headers, body });
    const { tools } = await answer.json();
    if (tools?.draft !== 594) throw new Error(`${answer.status}: ${JSON.stringify(tools)}`);
  });
  rows.push([`round ${round + 1}`, native, strict, putting]);
}
const [native, strict, put] = ([1, 2, 3] as const).map((at) => median(rows.map((row) => row[at])));
printTable(
  ["", "JSON.parse, ms", "parsed strictly, ms", "594 drafts, ms"],
  rows.map(([name, ...ms]) => [name, ...ms.map((one) => one.toFixed(0))]),
);
const times = (n: number) => n.toFixed(1);
printWanted([
  atMost("time by that of parsing strictly", put! / strict!, { wanted: WANTED }, times),
  atMost("time by that of JSON.parse", put! / native!, { wanted: WANTED }, times),
]);
