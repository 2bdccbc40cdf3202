import { main } from "../../clients/typescript/src/cli/main.ts";
import { type Machine, thisMachine } from "../../clients/typescript/src/cli/machine.ts";

/** What a command did that somebody called. */
export interface Printed {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** The result, where it was asked for as JSON in one piece. */
  // deno-lint-ignore no-explicit-any -- tests look at it member by member
  readonly json: any;
}

export interface Sitting {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** What somebody types, one answer a question; nobody sits there without. */
  readonly answers?: readonly string[];
  readonly changes?: Partial<Machine>;
}

/** A user of a computer with an empty home and an empty folder. */
export class Terminal implements AsyncDisposable {
  private constructor(readonly home: string, readonly env: Readonly<Record<string, string>>) {}

  static async at(env: Readonly<Record<string, string>> = {}): Promise<Terminal> {
    const home = await Deno.realPath(await Deno.makeTempDir());
    await Deno.mkdir(`${home}/project`);
    return new Terminal(home, env);
  }

  get project(): string {
    return `${this.home}/project`;
  }

  /** Calls a command, as `countersign WORDS` does. */
  async run(words: readonly string[], sitting: Sitting = {}): Promise<Printed> {
    const { env = {}, input = "", answers, changes } = sitting;
    const left = [...answers ?? []];
    let out = "";
    let err = "";
    const code = await main(words, {
      ...thisMachine(),
      platform: "linux",
      env: { ...this.env, ...env },
      home: this.home,
      cwd: this.project,
      interactive: answers !== undefined,
      out: (text) => void (out += text),
      err: (text) => void (err += text),
      input: () => Promise.resolve(input),
      ask: (question) => {
        err += question;
        return Promise.resolve(left.shift() ?? "");
      },
      ...changes,
    });
    return {
      code,
      out,
      err,
      get json() {
        return JSON.parse(out);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.home, { recursive: true });
  }
}
