import type { ArgDef } from "citty";
import { Countersign } from "../countersign.ts";
import { SYSTEM_CLOCK } from "../exchange.ts";
import { type Exit, Failed, WrongUse } from "./exit.ts";
import { read } from "./files.ts";
import type { Machine } from "./machine.ts";
import { credentialOf, serviceOf } from "./settings.ts";
import { cleanLines, jsonText } from "./shown.ts";

/** An option or an argument of a command. */
export type Arguments = Readonly<Record<string, ArgDef>>;

/** A command, or a group of some. */
export interface Command {
  readonly about: string;
  readonly args?: Arguments;
  /** What stands behind `--` belongs to this command: `guard -- CMD`. */
  readonly takesRest?: true;
  readonly run: (call: Call) => Promise<Exit>;
}

/** What all commands take. */
export const COMMON: Arguments = {
  url: { type: "string", description: "Where Countersign is (COUNTERSIGN_URL)", valueHint: "URL" },
  key: {
    type: "string",
    description: "The key to ask with. Others can read it here: COUNTERSIGN_KEY is better",
    valueHint: "KEY",
  },
  insecure: { type: "boolean", description: "Send the key over http to another computer" },
  json: { type: "boolean", description: "Print JSON" },
};

/** One call of a command. */
export class Call {
  readonly json: boolean;

  constructor(
    readonly machine: Machine,
    readonly values: Readonly<Record<string, unknown>>,
    /** What stands behind `--`. */
    readonly rest: readonly string[],
  ) {
    this.json = values["json"] === true;
  }

  /** An option or an argument; undefined where it was left out. */
  text(name: string): string | undefined {
    const value = this.values[name];
    return typeof value === "string" ? value : undefined;
  }

  /** An argument that the parser asks for. */
  needed(name: string): string {
    return this.text(name) ?? this.#missing(name);
  }

  flag(name: string): boolean {
    return this.values[name] === true;
  }

  /** A whole number. @throws {WrongUse} */
  number(name: string, otherwise: number, most: number): number {
    const text = this.text(name);
    if (text === undefined) return otherwise;
    if (!/^\d{1,9}$/.test(text) || Number(text) > most) {
      throw new WrongUse(`--${name} is a whole number up to ${most}, not ${JSON.stringify(text)}`);
    }
    return Number(text);
  }

  /** A JSON object that was written here, in a file (`@FILE`), or is the input (`-`). */
  async object(text: string): Promise<Readonly<Record<string, unknown>>> {
    const json = text === "-"
      ? await this.machine.input()
      : text.startsWith("@")
      ? await read(this.machine, text.slice(1))
      : text;
    let value: unknown;
    try {
      value = JSON.parse(json);
    } catch {
      throw new WrongUse(`No JSON object: ${JSON.stringify(text.slice(0, 40))}`);
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new WrongUse("It has to be a JSON object: {…}");
    }
    return value as Readonly<Record<string, unknown>>;
  }

  /** The service that this call is about. @throws {Failed} where nobody said which, or by what key */
  async service(): Promise<Countersign> {
    const url = await this.url();
    const credential = await credentialOf(this.machine, url, this.text("key"));
    if (credential === null) {
      throw new Failed(
        `There is no key for ${url.origin}. Set COUNTERSIGN_KEY, or run: countersign login`,
      );
    }
    try {
      return new Countersign({
        url,
        key: credential.key,
        fetch: this.machine.fetch,
        clock: { now: SYSTEM_CLOCK.now, after: this.machine.after },
        insecure: this.flag("insecure"),
      });
    } catch (error) {
      throw new WrongUse((error as Error).message.replace("insecure: true", "--insecure"));
    }
  }

  url(): Promise<URL> {
    return serviceOf(this.machine, this.text("url"));
  }

  /** The result: for people, or all of it as JSON. */
  tell(value: unknown, text: string): void {
    this.machine.out(this.json ? `${jsonText(value, 2)}\n` : cleanLines(text));
  }

  /** What somebody is told beside the result. */
  note(text: string): void {
    this.machine.err(`${cleanLines(text)}\n`);
  }

  #missing(name: string): never {
    throw new WrongUse(`${name.toUpperCase()} is missing`);
  }
}
