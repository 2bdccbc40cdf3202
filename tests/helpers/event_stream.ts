import assert from "node:assert/strict";
import type { SignedIn, TestOrg } from "./countersign.ts";

/** One event of a stream. */
export interface StreamEvent {
  readonly name: string;
  // deno-lint-ignore no-explicit-any -- as the stream has it
  readonly data: any;
}

/** A stream of one member, as their page follows it. */
export class EventStream {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";
  /** Whose stream it says it is. */
  reader: string | null = null;
  /** The reader's role, as it was said last. */
  role: string | null = null;
  /** How often it said that it is still there. */
  beats = 0;
  /** The time that it told last, milliseconds. */
  clock = 0;

  constructor(body: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = body.pipeThrough(new TextDecoderStream()).getReader();
  }

  static async open({ countersign }: TestOrg, { secret }: SignedIn, path: string) {
    const response = await fetch(countersign.origin + path, {
      headers: { cookie: `countersign_session=${secret}` },
    });
    assert.equal(response.status, 200, path);
    // Without these nginx, as it comes, hands on nothing of it.
    assert.equal(response.headers.get("x-accel-buffering"), "no");
    assert.equal(response.headers.get("cache-control"), "no-store, no-transform");
    return new EventStream(response.body ?? assert.fail("no body"));
  }

  /** The next event; null at the end. */
  async next(): Promise<StreamEvent | null> {
    for (;;) {
      const at = this.#text.indexOf("\n\n");
      if (at >= 0) {
        const event = this.#text.slice(0, at);
        this.#text = this.#text.slice(at + 2);
        const [, name, data = ""] = /^event: (\w+)\ndata: (.*)$/.exec(event) ?? [];
        if (name === "reader") this.reader = JSON.parse(data);
        else if (name === "role") this.role = JSON.parse(data);
        else if (name === "clock") this.clock = JSON.parse(data);
        else if (name === "beat") {
          this.clock = JSON.parse(data);
          this.beats++;
        } else if (name !== undefined) return { name, data: JSON.parse(data) };
        continue;
      }
      const { done, value } = await this.#reader.read();
      if (done) return null;
      this.#text += value;
    }
  }

  async close(): Promise<void> {
    await this.#reader.cancel();
  }
}
