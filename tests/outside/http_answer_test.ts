import fc from "fast-check";
import assert from "node:assert/strict";
import {
  AnswerReader,
  bodyPieces,
  readHead,
  type StrangerFailure,
  StrangerFetchFailed,
  wholeBody,
} from "../../lib/outside/http_answer.ts";
import { answerOf, httpAnswer } from "../helpers/wire_network.ts";

const MAX_BODY = 10 * 1024;
const OK = "HTTP/1.1 200 OK";

/** Reads an answer that arrives in pieces. */
async function read(answer: string, pace = Infinity) {
  const bytes = Uint8Array.from(answer, (character) => character.charCodeAt(0));
  let at = 0;
  const reader = new AnswerReader({
    read(into) {
      const some = bytes.subarray(at, at + Math.min(into.length, pace));
      into.set(some);
      at += some.length;
      return Promise.resolve(some.length === 0 ? null : some.length);
    },
  });
  const head = await readHead(reader);
  const whole = await wholeBody(bodyPieces(reader, head, MAX_BODY));
  const body = new TextDecoder("latin1").decode(whole);
  return { status: head.status, headers: head.headers, body };
}

async function failure(answer: string, code: StrangerFailure): Promise<string> {
  try {
    await read(answer);
  } catch (error) {
    assert.ok(error instanceof StrangerFetchFailed, String(error));
    assert.equal(error.code, code, `${error.message} ${JSON.stringify(answer.slice(0, 200))}`);
    return error.message;
  }
  throw new Error(`Was taken: ${JSON.stringify(answer.slice(0, 200))}`);
}

function chunked(chunks: readonly string[], trailers: readonly string[] = []): string {
  const parts = chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`);
  const body = `${parts.join("")}0\r\n${trailers.map((line) => `${line}\r\n`).join("")}\r\n`;
  return httpAnswer([OK, "Transfer-Encoding: chunked"], body);
}

Deno.test("an answer is read to the end that it names, whatever follows", async () => {
  const { status, headers, body } = await read(
    httpAnswer([OK, "A: 1", "a:2", "B: ", "Content-Length:  5 \t"], "hello, and more"),
  );
  assert.deepEqual([status, body], [200, "hello"]);
  assert.deepEqual([headers.get("a"), headers.get("b")], ["1, 2", ""]);
});

Deno.test("a status line needs no reason, and says any status", async () => {
  for (const line of ["HTTP/1.1 404", "HTTP/1.1 404 ", "HTTP/1.0 404 Not \xa0 Found"]) {
    assert.equal((await read(httpAnswer([line, "Content-Length: 0"]))).status, 404);
  }
  assert.equal((await read(httpAnswer(["HTTP/1.1 204 No Content"]))).body, "");
});

Deno.test("answers on the way to the final one are passed over", async () => {
  const hints = httpAnswer(["HTTP/1.1 103 Early Hints", "Link: </x>"]);
  const go = httpAnswer(["HTTP/1.1 100 Continue"]);
  assert.equal((await read(hints + go + answerOf("{}"))).body, "{}");
});

Deno.test("chunks are put together; extensions and trailers are passed over", async () => {
  assert.equal((await read(chunked(["hel", "lo"]))).body, "hello");
  assert.equal((await read(chunked([]))).body, "");
  const { body, headers } = await read(chunked(["x".repeat(300)], ["Content-Length: 1", "T: 1"]));
  assert.equal(body, "x".repeat(300));
  assert.equal(headers.get("t"), null);
  const extended = httpAnswer([OK, "Transfer-Encoding: Chunked"], "0005;a=b\r\nhello\r\n0\r\n\r\n");
  assert.equal((await read(extended)).body, "hello");
});

Deno.test("an answer reads the same in whatever pieces it arrives", async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(fc.string({ minLength: 1, maxLength: 40, unit: "binary-ascii" }), { maxLength: 8 }),
    fc.integer({ min: 1, max: 50 }),
    async (chunks, pace) => {
      const text = chunks.join("");
      assert.equal((await read(chunked(chunks), pace)).body, text);
      assert.equal((await read(answerOf(text), pace)).body, text);
    },
  ));
});

Deno.test("what is not HTTP, or reads in two ways, is refused", async () => {
  const body = "Content-Length: 2";
  for (
    const answer of [
      "hello\r\n\r\n",
      "{}\r\n",
      "\r\n" + answerOf("{}"),
      httpAnswer(["HTTP/2 200", body], "{}"),
      httpAnswer(["HTTP/1.1 20", body], "{}"),
      httpAnswer(["HTTP/1.1 2000", body], "{}"),
      httpAnswer(["HTTP/1.1 600 X", body], "{}"),
      httpAnswer(["HTTP/1.1  200 OK", body], "{}"),
      httpAnswer(["http/1.1 200 OK", body], "{}"),
      httpAnswer(["HTTP/1.1 101 Switching Protocols"]),
      `${OK}\n${body}\n\n{}`,
      `${OK}\r\n${body}\n\r\n{}`,
      `${OK}\r\n${body}\r\r\n\r\n{}`,
      httpAnswer([OK, "No colon", body], "{}"),
      httpAnswer([OK, ": no name", body], "{}"),
      httpAnswer([OK, "Content-Length : 2"], "{}"),
      httpAnswer([OK, " Content-Length: 2"], "{}"),
      httpAnswer([OK, "A: 1", " folded", body], "{}"),
      httpAnswer([OK, "A: \0", body], "{}"),
      httpAnswer([OK, "A: \x7f", body], "{}"),
      httpAnswer([OK, "Ä: 1", body], "{}"),
      httpAnswer([OK, body, body], "{}"),
      httpAnswer([OK, body, "content-length: 3"], "{}"),
      httpAnswer([OK, "Content-Length: 2, 2"], "{}"),
      httpAnswer([OK, "Content-Length: +2"], "{}"),
      httpAnswer([OK, "Content-Length: -2"], "{}"),
      httpAnswer([OK, "Content-Length: 0x2"], "{}"),
      httpAnswer([OK, "Content-Length: 2.0"], "{}"),
      httpAnswer([OK, "Content-Length:"], "{}"),
      httpAnswer([OK, `Content-Length: ${"9".repeat(30)}`], "{}"),
      httpAnswer([OK], "{}"),
      httpAnswer([OK, body, "Transfer-Encoding: chunked"], "0\r\n\r\n"),
      httpAnswer([OK, "Transfer-Encoding: gzip, chunked"], "0\r\n\r\n"),
      httpAnswer([OK, "Transfer-Encoding: identity"], "0\r\n\r\n"),
      httpAnswer([OK, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], "0\r\n\r\n"),
      httpAnswer([OK, body, "Content-Type: text/html", "Content-Type: application/json"], "{}"),
      httpAnswer([OK, body, "Content-Encoding: gzip"], "{}"),
      httpAnswer([OK, "Transfer-Encoding: chunked"], "\r\n0\r\n\r\n"),
      httpAnswer([OK, "Transfer-Encoding: chunked"], "-1\r\nx\r\n0\r\n\r\n"),
      httpAnswer([OK, "Transfer-Encoding: chunked"], "0x1\r\nx\r\n0\r\n\r\n"),
      httpAnswer([OK, "Transfer-Encoding: chunked"], "1 1\r\nx\r\n0\r\n\r\n"),
      httpAnswer([OK, "Transfer-Encoding: chunked"], `${"0".repeat(9)}\r\n\r\n`),
      httpAnswer([OK, "Transfer-Encoding: chunked"], "1\nx\r\n0\r\n\r\n"),
      httpAnswer([OK, "Transfer-Encoding: chunked"], "1\r\nxx\r\n0\r\n\r\n"),
      httpAnswer([OK, "Transfer-Encoding: chunked"], "2\r\nx\r\n0\r\n\r\n"),
      httpAnswer([OK, "Transfer-Encoding: chunked"], `1;${"x".repeat(300)}\r\nx\r\n0\r\n\r\n`),
      httpAnswer([OK, "Transfer-Encoding: chunked"], "0\r\nno trailer\r\n\r\n"),
    ]
  ) await failure(answer, "answer_malformed");
});

Deno.test("an answer that is cut off is no answer", async () => {
  const whole = [answerOf("hello"), chunked(["hel", "lo"], ["T: 1"])];
  for (const answer of whole) {
    for (let length = 0; length < answer.length; length++) {
      await failure(answer.slice(0, length), "unreachable");
    }
  }
});

Deno.test("a body larger than asked for is refused before it is read", async () => {
  assert.equal((await read(answerOf("x".repeat(MAX_BODY)))).body.length, MAX_BODY);
  const half = "x".repeat(MAX_BODY / 2);
  assert.equal((await read(chunked([half, half]))).body.length, MAX_BODY);
  await failure(httpAnswer([OK, `Content-Length: ${MAX_BODY + 1}`]), "answer_too_large");
  await failure(chunked([half, half, "x"]), "answer_too_large");
  const huge = httpAnswer([OK, "Transfer-Encoding: chunked"], "ffffffff\r\n");
  await failure(huge, "answer_too_large");
});

Deno.test("header flood: more than 16 KiB before or after the body is refused", async () => {
  const header = `X: ${"x".repeat(997)}`;
  const headers = (count: number) => Array.from({ length: count }, () => header);
  assert.equal((await read(answerOf("{}", headers(16)))).body, "{}");
  const lines = [
    answerOf("{}", headers(17)),
    answerOf("{}", [`X: ${"x".repeat(17_000)}`]),
    answerOf("{}", Array.from({ length: 6000 }, () => "X:")),
    chunked(["{}"], headers(17)),
    httpAnswer(["HTTP/1.1 100 Continue"]).repeat(1000) + answerOf("{}"),
    "x".repeat(20_000),
  ];
  for (const answer of lines) {
    assert.match(await failure(answer, "answer_malformed"), /longer headers than are taken/);
  }
  // Spaces that a pattern would try to share out in every way.
  await failure(answerOf("{}", [`X: ${" ".repeat(15_000)}\0`]), "answer_malformed");
});
