const TOKEN = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;

/** No line of a header can end before we end it (RFC 9110 section 5.5). */
const VALUE = /^[\x20-\x7e]*$/;

const OURS = new Set(["host", "connection", "content-length", "transfer-encoding", "user-agent"]);

/**
 * The bytes of an HTTP/1.1 request (RFC 9112) on a connection of its own.
 * @throws {TypeError} for a header that cannot be written or is not the caller's to set
 */
export function httpRequest({ url, method, headers = {}, body }: {
  readonly url: URL;
  readonly method: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
}): Uint8Array<ArrayBuffer> {
  const lines = [
    `${method} ${url.pathname}${url.search} HTTP/1.1`,
    `host: ${url.host}`,
    "user-agent: Countersign",
    "connection: close",
    ...(body === undefined ? [] : [`content-length: ${body.length}`]),
  ];
  // Without these words a server may choose to compress, which would have to be undone here.
  const all = { accept: "*/*", "accept-encoding": "identity", ...headers };
  for (const [name, value] of Object.entries(all)) {
    if (!TOKEN.test(name) || !VALUE.test(value) || OURS.has(name)) {
      throw new TypeError(`Header ${JSON.stringify(name)} cannot be sent as it is`);
    }
    lines.push(`${name}: ${value}`);
  }
  const head = new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`);
  const request = new Uint8Array(head.length + (body?.length ?? 0));
  request.set(head);
  if (body !== undefined) request.set(body, head.length);
  return request;
}
