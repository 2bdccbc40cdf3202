import type { Scan, Span } from "./scan.ts";
import { isSecretValue, isStandIn, secretValueAt } from "./secret_value.ts";
import { StartIndex, type StartPattern } from "./start_index.ts";

/** Programs whose `-p` or the like takes a password, with that flag. */
const FLAGS: readonly (readonly [programs: string, flags: string])[] = [
  ["mysql mysqldump mysqladmin mysqlimport mysqlcheck mariadb mariadb-dump", "-p"],
  ["sshpass mongo mongosh mongodump mongorestore influx", "-p"],
  ["docker podman helm oras crane skopeo nerdctl buildah oc az cf", "-p"],
  ["redis-cli valkey-cli keydb-cli", "-a"],
  ["ldapsearch ldapmodify ldapadd ldapwhoami ldapdelete", "-w"],
  ["sqlcmd bcp tsql isql", "-P"],
  ["zip unzip 7z 7za rar", "-P -p"],
  ["mosquitto_pub mosquitto_sub kinit cqlsh ipmitool", "-P -p"],
];

const FLAGS_OF: ReadonlyMap<string, readonly string[]> = new Map(
  FLAGS.flatMap(([programs, flags]) =>
    programs.split(" ").map((program) => [program, flags.split(" ")] as const)
  ),
);

export const PROGRAM: StartPattern = {
  pattern: new RegExp(
    `(?<![\\w.-])(?:${
      [...FLAGS_OF.keys()].toSorted((a, b) => b.length - a.length).join("|")
    })(?=\\s)`,
  ),
  beginnings: [...FLAGS_OF.keys()],
};
const PROGRAMS = new StartIndex(PROGRAM);

/** `user:password` after `-u` or `--user` of curl and its like, and `user%password` of Samba's. */
export const USER_PAIR: StartPattern = {
  pattern:
    /(?<![\w-])(?:-u|-U|--user|--proxy-user|--auth|-a)[ =]["']?[\w.@\\-]{1,64}[:%](?=[^\s:"'/])/,
  beginnings: ["-u", "-U", "--user", "--proxy-user", "--auth", "-a"],
};
const USER_PAIRS = new StartIndex(USER_PAIR);

/** How far behind the program its flag is looked for, on the same line. */
const REACH = 120;
const NEXT_PROGRAM = /[\n;|]|&&/;
const LOGIN_ONLY: ReadonlySet<string> = new Set(
  "docker podman helm oras crane skopeo nerdctl buildah oc az cf".split(" "),
);

/** The flags of a program that take a password: none for most. */
export function passwordFlags(program: string): readonly string[] {
  return FLAGS_OF.get(program.slice(program.lastIndexOf("/") + 1)) ?? [];
}

function flagValue(scan: Scan, start: number, end: number): Span | null {
  const program = scan.slice(start, end);
  const line = scan.slice(end, Math.min(end + REACH, scan.length)).split(NEXT_PROGRAM, 1)[0] ?? "";
  if (LOGIN_ONLY.has(program) && !/\blogin\b/.test(line)) return null;
  for (const flag of passwordFlags(program)) {
    // `mysql -psecret` is written together, and only `mysql` allows nothing else.
    const at = new RegExp(`(?<=\\s)${flag}(?:[ =](?!-)|(?=[^\\s-]))`).exec(line);
    if (at === null) continue;
    const value = end + at.index + at[0].length;
    const span = secretValueAt(scan, value, "password", "sure");
    if (span !== null && isLikelyWord(scan.slice(span.start, span.end))) return span;
  }
  return null;
}

/** A flag that means something else takes a number, a port or a plain word. */
function isLikelyWord(value: string): boolean {
  return !/^[\d:.,/]+$/.test(value) && isSecretValue(value, "password", "likely");
}

/** Passwords on command lines: `curl -u user:…`, `mysql -p…`, `sshpass -p …`. */
export function findCommandSecrets(scan: Scan): Span[] {
  const found: Span[] = [];
  for (let pair = scan.findStart(USER_PAIRS, 0); pair !== null;) {
    const span = secretValueAt(scan, pair.end, "password", "sure");
    if (span !== null && !isStandIn(scan.slice(span.start, span.end))) found.push(span);
    pair = scan.findStart(USER_PAIRS, span?.end ?? pair.end);
  }
  for (let program = scan.findStart(PROGRAMS, 0); program !== null;) {
    const span = flagValue(scan, program.start, program.end);
    if (span !== null) found.push(span);
    program = scan.findStart(PROGRAMS, program.end);
  }
  return found;
}
