import { canonicalJson } from "../lib/base/canonical.ts";
import { isJsonObject } from "../lib/base/json.ts";
import { Sealer } from "../lib/store/sealing.ts";
import { systemRandom } from "../lib/store/system.ts";
import { logPrivatePrefix } from "../lib/store/keys.ts";
import { listRecords } from "../lib/store/kv.ts";
import { logPrivateRecord } from "../lib/store/records/log.ts";
import { openPrivateRow, saltedDigest } from "../lib/ledger/entry.ts";
import { Chance } from "./chance.ts";
import { Child } from "./child.ts";
import { BOOTSTRAP, CHOSEN } from "./equality_org.ts";
import { type Question, Questions } from "./equality_questions.ts";
import { type Both, type Difference, SameAnswers } from "./same_answers.ts";
import { withScratchFolder } from "./scratch_folder.ts";

/**
 * `deno task bench:equality BEFORE [COUNT [SEED [AFTER]]]`: whether two checkouts answer alike. Each
 * starts on an empty store, where the same requests make the same organization; then both are asked
 * the same random questions, refusals and odd bodies among them, one after the other over HTTP.
 * Status, headers and body must be the same but for ids, secrets, salts, digests, signatures and
 * times, of which the same must stand for the same everywhere; then, in the same manner, the exported
 * leaves and the sealed private parts, whose digests must be those of the leaves; and the verifier of
 * this checkout must find nothing in either log. AFTER is this checkout unless it is named.
 *
 * Prints the first difference with the request that made it. Exit status 0 when there is none, 1 when
 * there is one, 2 for wrong usage.
 */

const HERE = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
const SECRET_BYTES = 32;

/**
 * Headers that tell nothing of the version: an answer that is given before the body of its question has
 * come closes the connection, and which of them is first is a matter of microseconds.
 */
const OF_THE_MOMENT: ReadonlySet<string> = new Set(["connection", "date"]);

/** A difference that is meant, taken out of both texts before they are compared. */
interface Intended {
  /** Why the versions differ there. */
  readonly why: string;
  readonly without: (text: string) => string;
}

/** What is known to differ from the versions before. */
const INTENDED: readonly Intended[] = [
  {
    why:
      "What approvers read keeps the members in the order in which they came, and the claims of " +
      "tokens are told in the order in which they are signed",
    without: (text) => text.split("\n").map(withoutOrder).join("\n"),
  },
];

/** A line of JSON with its members sorted, where it has any of which the order is known to differ. */
function withoutOrder(line: string): string {
  if (!/"(?:arguments|claims|view)":\{/.test(line)) return line;
  const event = line.startsWith(EVENT) ? EVENT : "";
  const json = jsonOf(line.slice(event.length));
  if (!isJsonObject(json)) return line;
  return event + canonicalJson(json);
}

/** What a line of an event stream begins with. */
const EVENT = "data: ";

/** The service answers for its own name only, which is not the address that it is reached at. */
const client = Deno.createHttpClient({ allowHost: true });

interface Answer {
  readonly status: number;
  readonly text: string;
  /** Null where it is none. */
  readonly json: unknown;
  /** All of it, for comparison. */
  readonly whole: string;
}

/** One of the two services. */
interface Service {
  readonly checkout: string;
  readonly path: string;
  readonly sealingSecret: string;
  readonly child: Child;
}

type Services = readonly [before: Service, after: Service];

/** The two differ; the message says where. */
class Differ extends Error {}

await withScratchFolder(async (folder) => {
  const [before, count = "10000", seed = "1", after = HERE] = Deno.args;
  if (before === undefined || !/^\d+$/.test(count + seed)) {
    console.error("Usage: deno task bench:equality BEFORE [COUNT [SEED [AFTER]]]");
    Deno.exitCode = 2;
    return;
  }
  try {
    await compare(folder, [before, after], Number(count), Number(seed));
  } catch (error) {
    if (!(error instanceof Differ)) throw error;
    console.log(error.message);
    Deno.exitCode = 1;
  }
});

async function compare(
  folder: string,
  checkouts: Both,
  count: number,
  seed: number,
): Promise<void> {
  const same = new SameAnswers();
  const answered = new Map<string, number>();
  const services = await started(folder, checkouts);
  let exported: Both;
  {
    await using _before = services[0].child;
    await using _after = services[1].child;
    const questions = new Questions(new Chance(seed));
    const put = async (question: Question, name: string) => {
      const answers = await Promise.all([
        answerOf(services[0].child.port, question, (text) => questions.inWordsOf(0, text)),
        answerOf(services[1].child.port, question, (text) => questions.inWordsOf(1, text)),
      ]);
      const difference = same.difference([answers[0].whole, answers[1].whole]);
      if (difference !== null) throw new Differ(told(name, question, answers, difference));
      questions.remember(question, [answers[0].json, answers[1].json]);
      return answers[0];
    };
    for (const question of questions.setUp()) {
      const { status, text } = await put(question, "Setting up");
      if (status >= 300) throw new Error(`${question.method} ${question.path}: ${status} ${text}`);
    }
    for (const question of questions.opening()) await put(question, "The opening");
    for (let n = 1; n <= count; n++) {
      const answer = await put(questions.next(), `Question ${n} of seed ${seed}`);
      const kind = kindOf(answer);
      answered.set(kind, (answered.get(kind) ?? 0) + 1);
      if (n % 1000 === 0) console.error(`${n} of ${count} questions`);
    }
    exported = await exportedBy(folder, services);
  }
  const lines = exported.map((text) => text.trimEnd().split("\n")) as [string[], string[]];
  lines[0].forEach((line, i) => {
    const both = [line, lines[1][i] ?? ""] as const;
    assertSame(same, `Leaf ${i}`, both);
  });
  if (lines[0].length !== lines[1].length) {
    throw new Differ(`The logs have ${lines[0].length} and ${lines[1].length} entries`);
  }
  const parts = await comparedPrivateParts(same, services, lines);
  for (const [kind, times] of [...answered].toSorted(([, a], [, b]) => b - a)) {
    console.log(`${String(times).padStart(6)}  ${kind}`);
  }
  console.log(
    `\nThe same: ${count} answers of seed ${seed}, as above, ${
      lines[0].length
    } leaves and ${parts} ` +
      "private values with their digests",
  );
}

/** What kind of answer it is: its status, and the code or the permission that it says. */
function kindOf({ status, json }: Answer): string {
  const { code, permission, error, result } = (json ?? {}) as Record<string, unknown>;
  const more = code ?? permission ?? (error ? "JSON-RPC error" : result ? "JSON-RPC result" : "");
  return `${status || "no answer"} ${more}`.trimEnd();
}

async function started(folder: string, checkouts: Both): Promise<Services> {
  const start = async (checkout: string, name: string): Promise<Service> => {
    const path = `${folder}/${name}.kv`;
    const sealingSecret = systemRandom(SECRET_BYTES).toBase64();
    const child = await Child.version(checkout, { path, sealingSecret }, BOOTSTRAP);
    return { checkout, path, sealingSecret, child };
  };
  return await Promise.all([start(checkouts[0], "before"), start(checkouts[1], "after")]);
}

/** Asks one service. What it does instead of answering is an answer too. */
async function answerOf(
  port: number,
  { method, path, headers, body, broken }: Question,
  inItsWords: (text: string) => string,
): Promise<Answer> {
  const bytes = body === null ? null : new TextEncoder().encode(inItsWords(body));
  if (bytes !== null && broken !== undefined) bytes[Math.min(broken, bytes.length - 1)] = 0xff;
  const sent = new Request(`http://127.0.0.1:${port}${inItsWords(path)}`, {
    method,
    redirect: "manual",
    headers: [
      ["host", "localhost"],
      ...Object.entries(headers).map(([name, value]): [string, string] => [
        name,
        inItsWords(value),
      ]),
    ],
    body: bytes,
  });
  let response: Response;
  let text: string;
  // Of what goes wrong only a connection that breaks is an answer.
  try {
    response = await fetch(sent, { client });
    text = await response.text();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { status: 0, text: error.name, json: null, whole: error.name };
  }
  const fields = [...response.headers].filter(([name]) => !OF_THE_MOMENT.has(name))
    .map(([name, value]) => `${name}: ${value}\n`).join("");
  return {
    status: response.status,
    text,
    json: jsonOf(text),
    whole: intended(`${response.status}\n${fields}\n${text}`),
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function intended(text: string): string {
  return INTENDED.reduce((rest, { without }) => without(rest), text);
}

/** The logs as they are exported, each of which the verifier must believe. */
async function exportedBy(folder: string, services: Services): Promise<Both> {
  const exports = await Promise.all(services.map(async ({ checkout, child: { port } }, side) => {
    const get = async (path: string) => {
      const headers = { "x-api-key": CHOSEN.management };
      const question = { method: "GET", path, headers, body: null };
      return (await answerOf(port, question, (text) => text)).text;
    };
    const file = (name: string) => `${folder}/${side}-${name}`;
    await Deno.writeTextFile(file("checkpoint"), await get("/v1/audit/checkpoint"));
    const text = await get("/v1/audit/export");
    await Deno.writeTextFile(file("export"), text);
    const { entry } = JSON.parse(text.slice(0, text.indexOf("\n"))) as { entry: { org: string } };
    const keys = await get(`/.well-known/countersign/keys/${entry.org}`);
    await Deno.writeTextFile(file("keys"), keys);
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--quiet", "--allow-read", `${HERE}/verify.ts`, file("export")],
        ...["--checkpoint", file("checkpoint"), "--keys", file("keys")],
      ],
    }).output();
    if (!success) {
      const said = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
      throw new Differ(`The verifier does not believe the log of ${checkout}:\n${said}`);
    }
    return text;
  }));
  return [exports[0] ?? "", exports[1] ?? ""];
}

/** How many private values there are; they, and whose they are, must be the same. */
async function comparedPrivateParts(
  same: SameAnswers,
  services: Services,
  lines: readonly [string[], string[]],
): Promise<number> {
  const [before, after] = await Promise.all(
    services.map((service, side) => privateParts(service, lines[side] ?? [])),
  );
  before?.forEach((text, i) => assertSame(same, "The private part", [text, after?.[i] ?? ""]));
  if (before?.length !== after?.length) {
    throw new Differ(
      `There are ${before?.length} private parts before, and ${after?.length} after`,
    );
  }
  return before?.length ?? 0;
}

/** What a store holds of entries besides their leaves, as text. */
async function privateParts(
  { checkout, path, sealingSecret }: Service,
  lines: readonly string[],
): Promise<string[]> {
  const { entry } = JSON.parse(lines[0] ?? "") as { entry: { org: string } };
  const sealer = new Sealer(new TextEncoder().encode(sealingSecret), null, systemRandom);
  const kv = await Deno.openKv(path);
  const texts: string[] = [];
  const prefix = [...logPrivatePrefix(entry.org)];
  for await (const { key, value } of listRecords(kv, { prefix }, logPrivateRecord)) {
    for (const [index, parts] of openPrivateRow(sealer, key, value.sealed)) {
      const { entry } = JSON.parse(lines[index] ?? "") as {
        entry: { data: Record<string, string> };
      };
      for (const [name, { salt, value }] of Object.entries(parts)) {
        texts.push(JSON.stringify({ index, name, salt, value }));
        if (entry.data[`${name}_digest`] === saltedDigest(salt, value)) continue;
        throw new Differ(`${checkout}: entry ${index} has another digest than that of its ${name}`);
      }
    }
  }
  kv.close();
  return texts;
}

function assertSame(same: SameAnswers, what: string, both: Both): void {
  const difference = same.difference(both);
  if (difference === null) return;
  const [before, after] = both;
  throw new Differ(
    `${what} differs: ${difference.why}\n\nbefore: ${before}\n\nafter:  ${after}\n\n` +
      thereOf(difference),
  );
}

function told(
  name: string,
  { method, path, headers, body, broken }: Question,
  [before, after]: readonly [Answer, Answer],
  difference: Difference,
): string {
  const fields = Object.entries(headers).map(([field, value]) => `${field}: ${value}`).join("\n");
  const note = broken === undefined ? "" : ` (byte ${broken} is sent as 0xff)`;
  return `${name} is answered otherwise: ${difference.why}\n` +
    "(<<n>> stands for what each service named by itself)\n\n" +
    `${method} ${path}${note}\n${fields}\n\n` +
    `${body ?? ""}\n\n--- before\n${before.whole}\n\n--- after\n${after.whole}\n\n` +
    thereOf(difference);
}

function thereOf({ there: [before, after] }: Difference): string {
  return `--- where\nbefore: ${before}\nafter:  ${after}`;
}
