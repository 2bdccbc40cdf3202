import { stat } from "node:fs/promises";
import process from "node:process";
import { anyAnswer } from "../resources.ts";
import type { Countersign } from "../countersign.ts";
import { CountersignError, NoAnswer } from "../errors.ts";
import type { Call, Command } from "./command.ts";
import { EXIT, type Exit } from "./exit.ts";
import { textOf } from "./files.ts";
import { AROUND_SECONDS, DEFAULT_WAIT } from "./hook.ts";
import { type Host, HOSTS, isHere, mcpOf } from "./hosts.ts";
import { credentialOf } from "./settings.ts";
import { kindOf, readableBy } from "./status.ts";

/** What was looked at: whether it is well, and what to do where it is not. */
interface Finding {
  readonly about: string;
  readonly state: "ok" | "note" | "wrong";
  readonly says: string;
  readonly do: string | null;
}

const ok = (about: string, says: string): Finding => ({ about, state: "ok", says, do: null });
const note = (about: string, says: string, todo: string): Finding => ({
  about,
  state: "note",
  says,
  do: todo,
});
const wrong = (about: string, says: string, todo: string): Finding => ({
  about,
  state: "wrong",
  says,
  do: todo,
});

const OLDEST_NODE = 20;

function runtime(): Finding {
  const { node, deno, bun } = process.versions as Readonly<Record<string, string | undefined>>;
  const name = deno !== undefined
    ? `Deno ${deno}`
    : bun !== undefined
    ? `Bun ${bun}`
    : `Node ${node}`;
  return deno === undefined && bun === undefined && Number.parseInt(node ?? "0") < OLDEST_NODE
    ? wrong("runtime", name, `install Node ${OLDEST_NODE} or later`)
    : ok("runtime", name);
}

/** The service and the key: each looked at only where what is before it is well. */
async function service(call: Call): Promise<{
  readonly findings: readonly Finding[];
  readonly url: URL | null;
  readonly isDead: boolean;
}> {
  const findings: Finding[] = [];
  let url: URL;
  try {
    url = await call.url();
    findings.push(ok("address", url.origin));
  } catch (error) {
    const todo = "set COUNTERSIGN_URL, or run: countersign login --url URL";
    return {
      findings: [wrong("address", (error as Error).message, todo)],
      url: null,
      isDead: false,
    };
  }
  let countersign: Countersign;
  let kind: string;
  try {
    const credential = await credentialOf(call.machine, url, call.text("key"));
    if (credential === null) {
      const todo = "set COUNTERSIGN_KEY, or run: countersign login";
      return { findings: [...findings, wrong("key", "there is none", todo)], url, isDead: false };
    }
    kind = kindOf(credential.key);
    countersign = await call.service();
    findings.push(ok("key", `${kind}, from ${credential.from}`));
  } catch (error) {
    const todo = "do as it says, or run: countersign login";
    return {
      findings: [...findings, wrong("key", (error as Error).message, todo)],
      url,
      isDead: false,
    };
  }
  try {
    const { version } = await countersign.get(
      "/healthz",
      anyAnswer<{ readonly version?: unknown }>,
    );
    findings.push(ok("service", `answers, version ${version}`));
    await countersign.get(readableBy(kind), anyAnswer<unknown>);
    findings.push(ok("key", "is taken"), ...tooMuch(kind));
    return { findings, url, isDead: false };
  } catch (error) {
    const isDead = error instanceof NoAnswer;
    const finding = isDead
      ? wrong("service", error.message, `start it, or mend the address: curl ${url.origin}/healthz`)
      : wrong(
        "key",
        (error as Error).message,
        error instanceof CountersignError && error.status === 401
          ? "make a new one under Agents, and run: countersign login"
          : "look at what it may do, under Agents or API keys",
      );
    return { findings: [...findings, finding], url, isDead };
  }
}

function tooMuch(kind: string): Finding[] {
  return kind === "management key" || kind === "approver key"
    ? [
      note(
        "key",
        `${kind === "approver key" ? "an" : "a"} ${kind} does more than agents may`,
        "give agents a token of their own",
      ),
    ]
    : [];
}

/** A host that is here: whether it is told of this service, and of no secret. */
async function host(call: Call, word: string, one: Host, url: URL): Promise<Finding[]> {
  const about = one.title;
  const path = one.path(call.machine);
  const text = await textOf(path);
  const connect = `countersign connect ${word}`;
  if (text === null) return [note(about, "is not connected", connect)];
  const findings: Finding[] = [];
  // A run token is none: nothing keeps one in a file.
  if (/\bcs_(agent|live|mgmt|appr)_[A-Za-z0-9]/.test(text)) {
    const todo = `rotate that secret, take it out, and run: ${connect} --agent-token`;
    findings.push(wrong(about, `a secret stands in ${path}`, todo));
  }
  let has: boolean;
  try {
    has = one.has(text, mcpOf(url));
  } catch {
    return [...findings, wrong(about, `${path} cannot be read`, "mend it: it is no plain JSON")];
  }
  if (has) findings.push(ok(about, `is told of ${mcpOf(url)} in ${path}`));
  else if (text.includes("countersign")) {
    findings.push(wrong(about, `${path} names another Countersign`, connect));
  } else findings.push(note(about, "is not connected", connect));
  const named = /COUNTERSIGN_AGENT_TOKEN/.test(text);
  if (named && !call.machine.env["COUNTERSIGN_AGENT_TOKEN"]) {
    const todo = `export COUNTERSIGN_AGENT_TOKEN where ${about} is started`;
    findings.push(note(about, "finds its token in a variable that is not set here", todo));
  }
  return findings;
}

/** After how many seconds hosts go on, where their settings do not say. */
const HOST_SECONDS = 600;

/** A hook that hosts pass over when it fails. */
async function hook(call: Call, word: string, { title, hook }: Host): Promise<Finding[]> {
  if (hook === undefined) return [];
  const path = hook.path(call.machine);
  const text = await textOf(path) ?? "";
  // As it stands in JSON and in TOML alike: quotes in it are escaped.
  const line = new RegExp(
    `(?:[^"\\n\\\\]|\\\\.)*countersign hook ${hook.word}(?:[^"\\n\\\\]|\\\\.)*`,
  );
  const command = line.exec(text)?.[0].replaceAll('\\"', '"');
  if (command === undefined) return [];
  const about = `${title}'s hook`;
  const again = `take it out of ${path}, and run: countersign connect ${word} --hook`;
  if (!command.endsWith(`|| ${hook.otherwise}`)) {
    return [wrong(about, "runs the tool where the program fails or is missing", again)];
  }
  const wait = Number(/--wait[ =](\d+)/.exec(command)?.[1] ?? DEFAULT_WAIT);
  const behind = text.slice(text.search(line));
  const limit = Number(/timeout"?\s*[:=]\s*(\d+)/.exec(behind)?.[1] ?? HOST_SECONDS);
  if (wait + AROUND_SECONDS >= limit) {
    const says = `may take ${
      wait + AROUND_SECONDS
    } seconds, and its host runs the tool after ${limit}`;
    return [wrong(about, says, again)];
  }
  const fault = hook.fault(text);
  if (fault !== null) return [wrong(about, fault.says, fault.todo)];
  const found = await isFound(call, command.split(" ")[0] ?? "");
  return [
    found ? ok(about, command) : wrong(
      about,
      `${command.split(" ")[0]} is not in the path, so every tool is refused`,
      "npm install --global countersign",
    ),
  ];
}

async function isFound({ machine }: Call, program: string): Promise<boolean> {
  if (machine.platform === "win32") return true;
  const folders = (machine.env["PATH"] ?? "").split(":");
  const looks = folders.map((folder) => stat(`${folder}/${program}`).then(() => true, () => false));
  return (await Promise.all(looks)).includes(true);
}

async function run(call: Call): Promise<Exit> {
  const { findings, url, isDead } = await service(call);
  const all = [runtime(), ...findings];
  for (const [word, one] of Object.entries(HOSTS)) {
    if (url === null || !await isHere(call.machine, one)) continue;
    all.push(...await host(call, word, one, url), ...await hook(call, word, one));
  }
  const isWell = all.every(({ state }) => state !== "wrong");
  const lines = all.map(({ about, state, says, do: todo }) =>
    `${state.padEnd(5)}  ${about}: ${says}${todo === null ? "" : `\n       -> ${todo}`}\n`
  );
  call.tell({ well: isWell, findings: all }, lines.join(""));
  if (isWell) return EXIT.allowed;
  return isDead ? EXIT.unreachable : EXIT.failed;
}

export const doctor: Omit<Command, "about"> = { run };
