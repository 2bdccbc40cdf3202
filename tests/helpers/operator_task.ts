import { fileURLToPath } from "node:url";
import { taskArguments } from "./started_process.ts";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));

const SCRIPTS = {
  "recover": "recover.ts",
  "accept-clock": "accept_clock.ts",
  "compact": "compact.ts",
} as const;

/** What a command printed, and its exit status. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a task of the operator, which is one script, in a folder, with its own permissions. */
export async function runTask(
  cwd: string,
  task: keyof typeof SCRIPTS,
  args: readonly string[],
  variables: Record<string, string>,
): Promise<Ran> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...taskArguments(task, cwd, variables), `${PROJECT}${SCRIPTS[task]}`, ...args],
    cwd,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...variables },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}
