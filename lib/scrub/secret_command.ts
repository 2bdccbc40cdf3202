import { type Scan, type Span, StartIndex, type StartPattern } from "./scan.ts";
import { isSecretValue, isStandIn, secretValueAt } from "./secret_value.ts";

/** Secrets by their place in a command line. */

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
  ["openssl", "-k"],
  ["keytool jarsigner", "-storepass -keypass -srcstorepass -deststorepass"],
  ["plink pscp psftp", "-pw"],
  ["snmpget snmpset snmpwalk snmpbulkwalk", "-c -A -X"],
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

const USER = "[^\\s:/]{1,40}\\s{1,3}";

/** Commands and queries whose password has a place, and no flag. */
export const POSITIONAL: StartPattern = {
  pattern: new RegExp(
    "(?<![\\w.-])(?:" + [
      `rabbitmqctl\\s{1,3}(?:add_user|change_password|authenticate_user)\\s{1,3}${USER}`,
      `net\\s{1,3}user\\s{1,3}${USER}(?![/])`,
      "net\\s{1,3}use\\s[^\\n]{0,80}?/user:\\S{1,60}\\s{1,3}(?![/])",
      "gh\\s{1,3}secret\\s{1,3}set\\s{1,3}\\w{1,60}\\s{1,3}(?:--body|-b)[ =]",
      `auth-pass\\s{1,3}${USER}`,
      `(?:sqlplus|sqlldr)\\s{1,3}(?:-\\w{1,8}\\s{1,3}){0,3}[\\w$#]{1,40}/`,
      `(?:htpasswd|mosquitto_passwd)\\s{1,3}-[a-zA-Z]{0,6}b[a-zA-Z]{0,6}\\s{1,3}\\S{1,80}\\s{1,3}${USER}`,
      "chpasswd\\s{0,3}<<<\\s{0,3}[\"']?[\\w.-]{1,40}:",
      // What is typed for `sudo -S` and its like.
      "echo\\s{1,3}(?:-\\w{1,3}\\s{1,3})?(?:[\"']?[\\w.-]{1,40}:)?" +
      "(?=[^\\n|]{4,80}\\|\\s{0,3}(?:sudo\\s[^\\n|]{0,20}-S\\b|chpasswd|[^\\n|]{1,60}--(?:password-)?stdin))",
    ].join("|") + ")|[?&]u=[^&\\s]{1,64}&p=",
  ),
  beginnings: ("rabbitmqctl net auth-pass sqlplus sqlldr htpasswd mosquitto_passwd " +
    "chpasswd echo ?u= &u=").split(" ").concat("gh "),
};

const PLACES = new StartIndex(USER_PAIR, POSITIONAL);

/** How far behind the program its flag is looked for, on the same line. */
const REACH = 120;

const NEXT_PROGRAM = /[\n;|]|&&/;

const LOGIN_ONLY: ReadonlySet<string> = new Set(
  "docker podman helm oras crane skopeo nerdctl buildah oc az cf".split(" "),
);

/** The flags of a program, with these words behind it, that take a password: none for most. */
export function passwordFlags(program: string, rest: string): readonly string[] {
  const name = program.slice(program.lastIndexOf("/") + 1);
  if (LOGIN_ONLY.has(name) && !/\blogin\b/.test(rest)) return [];
  return FLAGS_OF.get(name) ?? [];
}

function flagValue(scan: Scan, start: number, end: number): Span | null {
  const program = scan.slice(start, end);
  const line = scan.slice(end, Math.min(end + REACH, scan.length)).split(NEXT_PROGRAM, 1)[0] ?? "";
  for (const flag of passwordFlags(program, line)) {
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

/** Passwords on command lines: `curl -u user:…`, `mysql -p…`, `sqlplus user/…`, `echo … | sudo -S`. */
export function findCommandSecrets(scan: Scan): Span[] {
  const found: Span[] = [];
  for (let place = scan.findStart(PLACES, 0); place !== null;) {
    const isPair = scan.startsWith(place.start, "-");
    const span = secretValueAt(scan, place.end, "password", isPair ? "sure" : "likely");
    if (span !== null && !isStandIn(scan.slice(span.start, span.end))) found.push(span);
    place = scan.findStart(PLACES, span?.end ?? place.end);
  }
  for (let program = scan.findStart(PROGRAMS, 0); program !== null;) {
    const span = flagValue(scan, program.start, program.end);
    if (span !== null) found.push(span);
    program = scan.findStart(PROGRAMS, program.end);
  }
  return found;
}
