import { joinBytes } from "../../lib/base/bytes.ts";
import type { Countersign } from "../helpers/countersign.ts";
import { RawRequest } from "../helpers/raw_request.ts";

/** What a frame is (RFC 6455 section 5.2). */
export const OPCODES = { goes_on: 0, text: 1, binary: 2, close: 8, ping: 9 } as const;

/** Bytes of one frame, masked as a client's are, by zeros. */
export function rawFrame(
  opcode: number,
  payload: Uint8Array | string,
  { fin = true, masked = true }: { readonly fin?: boolean; readonly masked?: boolean } = {},
): Uint8Array {
  const bytes = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
  const mask = masked ? 0x80 : 0;
  const first = (fin ? 0x80 : 0) | opcode;
  const { length } = bytes;
  const head = length < 126
    ? [first, mask | length]
    : length < 65536
    ? [first, mask | 126, length >>> 8, length & 255]
    : [
      first,
      mask | 127,
      0,
      0,
      0,
      0,
      length >>> 24,
      length >>> 16 & 255,
      length >>> 8 & 255,
      length & 255,
    ];
  return joinBytes([new Uint8Array([...head, ...(masked ? [0, 0, 0, 0] : [])]), bytes]);
}

/** A socket opened by hand, over which a test writes what no client would. */
export class RawSocket implements Disposable {
  private constructor(readonly request: RawRequest) {}

  static async open({ server, services }: Countersign, key: string): Promise<RawSocket> {
    const request = await RawRequest.open(server.addr.port);
    await request.send(
      [
        "GET /v1/ws HTTP/1.1",
        `Host: ${services.settings.url.host}`,
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol: countersign.v1",
        `Authorization: Bearer ${key}`,
        "",
        "",
      ].join("\r\n"),
    );
    const head = await request.received((text) => text.includes("\r\n\r\n"));
    if (!head.startsWith("HTTP/1.1 101")) throw new Error(head);
    return new RawSocket(request);
  }

  /** Writes bytes; whether the other side has not let go. */
  send(...frames: readonly Uint8Array[]): Promise<boolean> {
    return this.request.send(...frames).then(() => true, () => false);
  }

  /** The frames that come, until the other side lets go or a test has seen enough. */
  async *frames(): AsyncGenerator<{ readonly opcode: number; readonly payload: Uint8Array }> {
    let bytes = new Uint8Array(0);
    const buffer = new Uint8Array(64 * 1024);
    for (;;) {
      for (
        let size = sizeOf(bytes);
        size !== null && bytes.length >= size.all;
        size = sizeOf(bytes)
      ) {
        yield { opcode: bytes[0]! & 15, payload: bytes.slice(size.head, size.all) };
        bytes = bytes.slice(size.all);
      }
      const read = await this.request.connection.read(buffer).catch(() => null);
      if (read === null) return;
      bytes = joinBytes([bytes, buffer.subarray(0, read)]);
    }
  }

  /** Why the other side closes; null where it does not say. */
  async close(): Promise<{ readonly code: number; readonly reason: string } | null> {
    for await (const { opcode, payload } of this.frames()) {
      if (opcode !== OPCODES.close) continue;
      const [high = 0, low = 0] = payload;
      return { code: high * 256 + low, reason: new TextDecoder().decode(payload.subarray(2)) };
    }
    return null;
  }

  [Symbol.dispose](): void {
    this.request[Symbol.dispose]();
  }
}

/** The bytes of the head of the first frame, and of all of it; null where they are not there yet. */
function sizeOf(bytes: Uint8Array): { readonly head: number; readonly all: number } | null {
  if (bytes.length < 2) return null;
  const short = bytes[1]! & 127;
  const head = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < head) return null;
  const length = bytes.subarray(2, head).reduce((sum, byte) => sum * 256 + byte, 0);
  return { head, all: head + (short < 126 ? short : length) };
}
