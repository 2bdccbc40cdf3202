import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import { type Change, changeOf, diffOf, made } from "./change.ts";
import type { Arguments, Call, Command } from "./command.ts";
import { EXIT, type Exit, Failed, WrongUse } from "./exit.ts";
import { frameworksOf, GUARDING } from "./frameworks.ts";
import { DEFAULT_WAIT, LONGEST_WAIT } from "./hook.ts";
import { hookCommand, type Host, HOSTS, isHere, mcpOf, type Way } from "./hosts.ts";
import type { Machine } from "./machine.ts";

/**
 * `connect` tells a host of Countersign, `init` all that are here. Nothing that they write has a
 * secret in it: a host signs in, or is told where it finds the token.
 */

/** How this program is called from another one. */
export async function programFor({ cwd, platform }: Machine): Promise<string> {
  const ending = platform === "win32" ? ".cmd" : "";
  const own = join(cwd, "node_modules", ".bin", `countersign${ending}`);
  return await access(own, constants.X_OK).then(() => true, () => false)
    ? "npx --no-install countersign"
    : "countersign";
}

/** What connecting these hosts would change. */
async function changesFor(call: Call, hosts: readonly Host[]): Promise<Change[]> {
  const { machine } = call;
  const mcp = mcpOf(await call.url());
  const way: Way = call.flag("agent-token") ? "agent-token" : "sign-in";
  const program = await programFor(machine);
  const wait = call.number("wait", DEFAULT_WAIT, LONGEST_WAIT);
  const changes: Change[] = [];
  for (const { path, mode, edit, hook } of hosts) {
    const file = path(machine);
    const hooked = call.flag("hook") && hook !== undefined ? hook : null;
    const hookFile = hooked?.path(machine);
    const both = (before: string | null) => {
      const connected = edit(file, before, mcp, way);
      return hooked !== null && hookFile === file
        ? hooked.edit(file, connected, hookCommand(program, hooked, wait))
        : connected;
    };
    changes.push(...some(await changeOf(file, mode, both)));
    if (hooked !== null && hookFile !== undefined && hookFile !== file) {
      const only = (before: string | null) =>
        hooked.edit(hookFile, before, hookCommand(program, hooked, wait));
      changes.push(...some(await changeOf(hookFile, mode, only)));
    }
  }
  return changes;
}

function some<T>(value: T | null): T[] {
  return value === null ? [] : [value];
}

/** Shows, asks, writes, and says what is left to do. */
async function connected(
  call: Call,
  hosts: readonly (readonly [string, Host])[],
  found: Readonly<Record<string, unknown>>,
  notes: readonly string[],
): Promise<Exit> {
  const changes = await changesFor(call, hosts.map(([, host]) => host));
  if (!call.json) call.tell(null, notes.map((note) => `${note}\n`).join(""));
  const written = await made(call, changes);
  const way: Way = call.flag("agent-token") ? "agent-token" : "sign-in";
  const next = hosts.flatMap(([, { title, next, hook }]) => {
    const left = call.flag("hook") && hook?.next !== undefined ? [hook.next] : [];
    return [next(way), ...left].map((todo) => `${title}: ${todo}`);
  });
  const diffs = changes.map((change) => ({ path: change.path, diff: diffOf(change) }));
  const end = changes.length === 0
    ? "Nothing is to be changed"
    : written
    ? "Written"
    : "Not written";
  call.tell(
    { ...found, changes: diffs, written, next },
    [end, ...written || changes.length === 0 ? next : [], ""].join("\n"),
  );
  return EXIT.allowed;
}

async function connect(call: Call): Promise<Exit> {
  const word = call.needed("host");
  const host = Object.hasOwn(HOSTS, word) ? HOSTS[word] : undefined;
  if (host === undefined) {
    const there = Object.keys(HOSTS).join(", ");
    throw new WrongUse(`${JSON.stringify(word)} is no host: ${there}`);
  }
  if (call.flag("hook") && host.hook === undefined) {
    throw new WrongUse(`${host.title} has no hook that stops a tool: connect it without --hook`);
  }
  return await connected(call, [[word, host]], { hosts: [word] }, []);
}

async function init(call: Call): Promise<Exit> {
  const { machine } = call;
  // Said first: without it there is nothing to tell a host.
  await call.url();
  const hosts: [string, Host][] = [];
  const left: string[] = [];
  for (const [word, host] of Object.entries(HOSTS)) {
    if (!await isHere(machine, host)) continue;
    try {
      await changesFor(call, [host]);
      hosts.push([word, host]);
    } catch (error) {
      // One file that has to be mended keeps nobody from the others.
      if (!(error instanceof Failed)) throw error;
      left.push(error.message);
    }
  }
  const frameworks = await frameworksOf(machine);
  const notes = [
    ...frameworks.map(({ title, file, language }) => `${title} in ${file}: ${GUARDING[language]}`),
    hosts.length === 0
      ? `No host is here. One that is elsewhere: countersign connect ${
        Object.keys(HOSTS).join("|")
      }`
      : `Hosts: ${hosts.map(([, { title }]) => title).join(", ")}`,
    ...left,
  ];
  return await connected(call, hosts, { frameworks, hosts: hosts.map(([word]) => word) }, notes);
}

const args: Arguments = {
  "agent-token": {
    type: "boolean",
    description: "By the token of an agent (COUNTERSIGN_AGENT_TOKEN); else a person signs in",
  },
  hook: {
    type: "boolean",
    description: "Have every tool of Claude Code or Codex asked for, by its hook",
  },
  wait: {
    type: "string",
    description: `Seconds that its hook waits for a person (${DEFAULT_WAIT})`,
    valueHint: "SECONDS",
  },
  "dry-run": { type: "boolean", description: "Show the change, and write nothing" },
  yes: { type: "boolean", description: "Do not ask" },
};

export const initCommand: Omit<Command, "about"> = { args, run: init };
export const connectCommand: Omit<Command, "about"> = {
  args: {
    host: { type: "positional", description: Object.keys(HOSTS).join(", ") },
    ...args,
  },
  run: connect,
};
