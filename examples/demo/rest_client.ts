import type { z } from "zod";
import { NotAsTold } from "./story.ts";

/** An answer that the caller expects: its status, and the members that it goes on with. */
export interface Expected<T> {
  readonly status: number;
  readonly body: z.ZodType<T>;
}

/** Countersign's REST API as the holder of one key uses it. */
export class RestClient {
  readonly #key: string;

  constructor(readonly url: string, key: string) {
    this.#key = key;
  }

  get<T>(path: string, expected: Expected<T>): Promise<T> {
    return this.send("GET", path, undefined, expected);
  }

  post<T>(path: string, body: unknown, expected: Expected<T>): Promise<T> {
    return this.send("POST", path, body, expected);
  }

  /** @throws {NotAsTold} when the answer has another status or other members */
  async send<T>(method: string, path: string, body: unknown, expected: Expected<T>): Promise<T> {
    const { status, text } = await this.#fetch(method, path, body);
    if (status !== expected.status) {
      throw new NotAsTold(
        `${method} ${path} answered ${status}, expected ${expected.status}: ${text}`,
      );
    }
    const parsed = expected.body.safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data;
    throw new NotAsTold(`${method} ${path} answered ${text}: ${parsed.error.message}`);
  }

  /** An answer as the text it is. @throws {NotAsTold} when it is not a 200 */
  async text(path: string): Promise<string> {
    const { status, text } = await this.#fetch("GET", path);
    if (status !== 200) throw new NotAsTold(`GET ${path} answered ${status}: ${text}`);
    return text;
  }

  async #fetch(method: string, path: string, body?: unknown) {
    const response = await fetch(new URL(path, this.url), {
      method,
      headers: {
        "x-api-key": this.#key,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, text: await response.text() };
  }
}
