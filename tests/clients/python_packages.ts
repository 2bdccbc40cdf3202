import assert from "node:assert/strict";

/** Programs in Python with packages as they are published, in an environment of their own. */

export class PythonPackages implements AsyncDisposable {
  private constructor(readonly folder: string) {}

  /** Makes an environment that has these, by their exact versions. */
  static async installed(...packages: readonly string[]): Promise<PythonPackages> {
    const made = new PythonPackages(await Deno.makeTempDir());
    await ran("python3", ["-m", "venv", made.folder]);
    await ran(made.#python, ["-m", "pip", "install", "--quiet", ...packages]);
    return made;
  }

  get #python(): string {
    return `${this.folder}/bin/python`;
  }

  /** Runs a program that reads JSON and whose last line is JSON; what it says. */
  async run(
    program: string,
    input: unknown,
    env: Record<string, string> = {},
    // deno-lint-ignore no-explicit-any
  ): Promise<any> {
    const child = new Deno.Command(this.#python, {
      args: ["-c", program],
      env,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(JSON.stringify(input)));
    await writer.close();
    const { success, stdout, stderr } = await child.output();
    assert(success, new TextDecoder().decode(stderr));
    return JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1) ?? "");
  }

  /** Runs a program that reads nothing; what it says, of both streams, and how it ends. */
  async output(
    program: string,
    env: Record<string, string>,
  ): Promise<{ readonly code: number; readonly text: string }> {
    const { code, stdout, stderr } = await new Deno.Command(this.#python, {
      args: ["-c", program],
      env,
    }).output();
    const decoder = new TextDecoder();
    return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** Runs a command that has to succeed. */
export async function ran(command: string, args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args: [...args], stdout: "null" })
    .output();
  assert(success, new TextDecoder().decode(stderr));
}
