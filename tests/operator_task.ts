import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const PROJECT = fileURLToPath(new URL("..", import.meta.url));

/** What a command printed, and its exit status. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a task of the operator, which is one script, in a folder, with its own permissions. */
export async function runTask(
  cwd: string,
  task: "recover" | "accept-clock" | "compact",
  args: readonly string[],
  variables: Record<string, string>,
): Promise<Ran> {
  const { tasks } = JSON.parse(await Deno.readTextFile(`${PROJECT}deno.json`));
  const [deno, run, ...rest] = String(tasks[task]).split(" ");
  const script = rest.pop() ?? "";
  assert.deepEqual([deno, run], ["deno", "run"]);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--config", `${PROJECT}deno.json`, ...rest, `${PROJECT}${script}`, ...args],
    cwd,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...variables },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}
