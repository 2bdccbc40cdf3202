import { resolve } from "node:path";
import { anyAnswer } from "../resources.ts";
import type { Countersign } from "../countersign.ts";
import type { Call, Command } from "./command.ts";
import { EXIT, type Exit, Failed, WrongUse } from "./exit.ts";
import { replaceFile } from "./files.ts";
import { clean, jsonText } from "./shown.ts";

/** The policy as one document: pulled, compared, and applied as it was shown. */

type Json = Readonly<Record<string, unknown>>;

/** What a document would change, or has. */
interface Difference {
  readonly policy_version: number;
  readonly added: Readonly<Record<string, readonly Json[]>>;
  readonly changed: Readonly<Record<string, readonly Json[]>>;
  readonly removed: Readonly<Record<string, readonly Json[]>>;
  readonly warnings: readonly Json[];
}

const isJson = anyAnswer<Json>;

function isDifference(value: unknown): value is Difference {
  if (!isJson(value) || !Number.isSafeInteger(value["policy_version"])) return false;
  const lists = ["added", "changed", "removed"].map((name) => value[name]);
  return Array.isArray(value["warnings"]) &&
    lists.every((kinds) =>
      isJson(kinds) &&
      Object.values(kinds).every((rows) => Array.isArray(rows) && rows.every(isJson))
    );
}

/** Large documents are applied in several commits. */
const APPLY_MS = 120_000;

async function put(
  countersign: Countersign,
  document: Json,
  version: number,
  dryRun: boolean,
): Promise<Difference> {
  const path = `/v1/policy?dry_run=${dryRun}`;
  const sending = { ifMatch: `"${version}"`, timeoutMs: APPLY_MS };
  return await countersign.put(path, document, isDifference, sending);
}

/** What a document would change now, and the version that this is true of. */
async function compared(
  call: Call,
): Promise<{
  readonly countersign: Countersign;
  readonly document: Json;
  readonly version: number;
  readonly difference: Difference;
}> {
  const file = call.needed("file");
  const document = await call.object(file === "-" ? file : `@${file}`);
  const countersign = await call.service();
  const { policy_version: now } = await countersign.get("/v1/policy", isJson);
  const { policy_version: made = now } = document;
  if (typeof made !== "number") throw new WrongUse("policy_version is a number");
  if (made !== now) {
    throw new Failed(
      `The policy was changed since: ${file} was made from version ${made}, and it is ${now} now. ` +
        "Pull it again, or take policy_version out of the file to put it over what there is",
    );
  }
  const difference = await put(countersign, document, made, true);
  return { countersign, document, version: made, difference };
}

/** The rows of a difference, each on a line. */
function linesOf({ added, changed, removed, warnings }: Difference): string[] {
  const rows = (sign: string, kinds: Readonly<Record<string, readonly Json[]>>) =>
    Object.entries(kinds).flatMap(([kind, rows]) =>
      rows.map((row) => `${sign} ${clean(kind)} ${jsonText(row)}`)
    );
  return [
    ...rows("+", added),
    ...rows("~", changed),
    ...rows("-", removed),
    ...warnings.map((warning) => `! ${jsonText(warning)}`),
  ];
}

async function applied(call: Call): Promise<Exit> {
  const { countersign, document, version, difference } = await compared(call);
  const lines = linesOf(difference);
  if (lines.length === 0 || call.flag("dry-run")) {
    call.tell(difference, [...lines, lines.length === 0 ? "Nothing changes" : "", ""].join("\n"));
    return EXIT.allowed;
  }
  if (!call.flag("yes")) {
    call.note(lines.join("\n"));
    if (!call.machine.interactive) throw new WrongUse("Nobody is here to ask: look, and say --yes");
    const said = await call.machine.ask("Apply this? [y/N] ");
    if (!/^y(es)?$/i.test(said.trim())) throw new Failed("Nothing was changed");
  }
  const done = await put(countersign, document, version, false);
  call.tell(done, [...linesOf(done), `Applied as version ${done.policy_version}`, ""].join("\n"));
  return EXIT.allowed;
}

async function differs(call: Call): Promise<Exit> {
  const { difference } = await compared(call);
  const lines = linesOf(difference);
  call.tell(difference, lines.map((line) => `${line}\n`).join(""));
  return lines.length === 0 ? EXIT.allowed : EXIT.failed;
}

async function pulled(call: Call): Promise<Exit> {
  const policy = await (await call.service()).get("/v1/policy", isJson);
  const text = `${jsonText(policy, 2)}\n`;
  const out = call.text("out");
  if (out === undefined) {
    call.machine.out(text);
    return EXIT.allowed;
  }
  await replaceFile(resolve(call.machine.cwd, out), text, 0o644);
  const { policy_version } = policy;
  call.tell({ file: out, policy_version }, `Version ${policy_version} is in ${out}\n`);
  return EXIT.allowed;
}

const file = { type: "positional", description: "The document, or - for the input" } as const;

export const apply: Omit<Command, "about"> = {
  args: {
    file,
    "dry-run": { type: "boolean", description: "Say what it would change, and change nothing" },
    yes: { type: "boolean", description: "Do not ask" },
  },
  run: applied,
};
export const diff: Omit<Command, "about"> = { args: { file }, run: differs };
export const pull: Omit<Command, "about"> = {
  args: { out: { type: "string", description: "A file to write it to", valueHint: "FILE" } },
  run: pulled,
};
