/**
 * The response of the protocol's library with something else in its messages, whether it answers in
 * one or by a stream. What passes is text: a message is changed as it is, not read and written anew.
 */

/** @param change gives a message as it is to leave, on one line as it came */
export async function rewritten(
  response: Response,
  change: (message: string) => string,
): Promise<Response> {
  const { status, headers, body } = response;
  const type = headers.get("content-type") ?? "";
  if (type.startsWith("application/json")) {
    return new Response(change(await response.text()), { status, headers });
  }
  if (!type.startsWith("text/event-stream") || body === null) return response;
  const lines = body.pipeThrough(new TextDecoderStream()).pipeThrough(changedLines(change));
  return new Response(lines.pipeThrough(new TextEncoderStream()), { status, headers });
}

const DATA = "data: ";

/** Events of a stream: each message stands on a line of its own (HTML, "Server-sent events"). */
function changedLines(change: (message: string) => string): TransformStream<string, string> {
  let parts: string[] = [];
  const changed = (line: string) =>
    line.startsWith(DATA) ? DATA + change(line.slice(DATA.length)) : line;
  return new TransformStream({
    transform(chunk, controller) {
      const [first = "", ...rest] = chunk.split("\n");
      parts.push(first);
      for (const next of rest) {
        controller.enqueue(`${changed(parts.join(""))}\n`);
        parts = [next];
      }
    },
    flush(controller) {
      const last = parts.join("");
      if (last !== "") controller.enqueue(changed(last));
    },
  });
}
