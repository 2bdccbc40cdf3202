/**
 * The server, told on by itself: when it begins to serve, it says what it can read of its secrets.
 * Run in place of `main.ts` by `secrets_dropped_test.ts`, with the rights of the task `start`.
 */
const SECRETS = [
  "COUNTERSIGN_SECRET",
  "COUNTERSIGN_SECRET_PREVIOUS",
  "COUNTERSIGN_BOOTSTRAP_KEY",
  "COUNTERSIGN_BOOTSTRAP_APPROVER_KEY",
  "SMTP_URL",
  "DENO_KV_ACCESS_TOKEN",
];

function attempt(read: () => unknown): string {
  try {
    return String(read() ?? "nothing");
  } catch (error) {
    return error instanceof Error ? error.name : "?";
  }
}

type Attempts = [string, () => unknown][];

const READS: Attempts = [
  ...SECRETS.map((name): Attempts[number] => [name, () => Deno.env.get(name)]),
  ["config/secret", () => Deno.readTextFileSync("config/secret")],
  ["config", () => [...Deno.readDirSync("config")].length],
];
/** Ways round, which would spoil the start. */
const DETOURS: Attempts = [
  ["all variables", () => JSON.stringify(Deno.env.toObject())],
  ["a new file in config", () => Deno.writeTextFileSync("config/other", "")],
  ["a new secret", () => Deno.writeTextFileSync("config/secret", "")],
  ["a copy", () => Deno.copyFileSync("config/secret", "data/copy")],
  ["a link", () => Deno.linkSync("config/secret", "data/link")],
  ["the folder under another name", () => Deno.renameSync("config", "data/config")],
  ["/proc", () => Deno.readTextFileSync("/proc/self/environ")],
];

function told(attempts: Attempts): Record<string, string> {
  return Object.fromEntries(attempts.map(([name, read]) => [name, attempt(read)]));
}

const before = told(READS);
const serve = Deno.serve;
Object.defineProperty(Deno, "serve", {
  value: (...given: Parameters<typeof serve>) => {
    const serving = told([...READS, ...DETOURS]);
    console.log(JSON.stringify({ message: "probed", before, serving }));
    return serve(...given);
  },
});
await import("../../main.ts");
