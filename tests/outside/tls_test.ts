import assert from "node:assert/strict";
import { guardedFetch } from "../../lib/outside/guarded_fetch.ts";
import { StrangerFetchFailed } from "../../lib/outside/http_answer.ts";
import { connectTls } from "../../lib/outside/internet.ts";
import { systemTimer } from "../../lib/store/system.ts";
import { runAsService } from "../helpers/started_process.ts";
import { PUBLIC } from "./stranger_network.ts";
import { AUTHORITY, CLIENT_EXAMPLE } from "../helpers/test_authority.ts";

/** A host on this computer with the certificate of `client.example`. */
function serve(handler: (request: Request) => Response | Promise<Response>) {
  return Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {}, ...CLIENT_EXAMPLE },
    handler,
  );
}

/** Asks the server as if it stood at a public address; every name has that address. */
function ask(
  server: Deno.HttpServer<Deno.NetAddr>,
  url: string,
  options: { readonly authorities?: readonly string[]; readonly body?: Uint8Array } = {},
) {
  const { authorities = [AUTHORITY], body } = options;
  const { port } = server.addr;
  const fetch = guardedFetch({
    resolve: () => Promise.resolve([PUBLIC]),
    connect({ host }, signal) {
      return connectTls({ address: "127.0.0.1", host, port, authorities }, signal);
    },
  }, systemTimer);
  return fetch({
    url,
    method: body === undefined ? "GET" : "POST",
    ...(body === undefined ? {} : { body }),
    limit_ms: 5000,
    max_body: 10 * 1024,
    bodyWanted: () => true,
  });
}

Deno.test("a server that proves its name by TLS is asked and understood", async () => {
  await using server = serve(async (request) => {
    const { method, url, headers } = request;
    const { host, pathname } = new URL(url);
    const said = { method, host, pathname, agent: headers.get("user-agent") };
    return Response.json({ ...said, body: await request.text() });
  });
  const got = await ask(server, "https://client.example/a", { body: new Uint8Array([0x68, 0x69]) });
  assert.deepEqual(JSON.parse(new TextDecoder().decode(got.body ?? undefined)), {
    method: "POST",
    host: "client.example",
    pathname: "/a",
    agent: "Countersign",
    body: "hi",
  });
});

Deno.test("a stream of a server is chunked, and read", async () => {
  await using server = serve(() =>
    new Response(ReadableStream.from(["hel", "lo"]).pipeThrough(new TextEncoderStream()))
  );
  const { headers, body } = await ask(server, "https://client.example/");
  assert.equal(headers.get("transfer-encoding"), "chunked");
  assert.equal(new TextDecoder().decode(body ?? undefined), "hello");
});

Deno.test("a certificate for another name, or of an unknown authority, is refused unasked", async () => {
  let asked = 0;
  await using server = serve(() => {
    asked++;
    return new Response("secret");
  });
  for (
    const [url, authorities] of [
      ["https://other.example/", [AUTHORITY]],
      ["https://www.client.example/", [AUTHORITY]],
      ["https://client.example/", []],
    ] as const
  ) {
    await assert.rejects(
      ask(server, url, { authorities }),
      (error) =>
        error instanceof StrangerFetchFailed && error.code === "unreachable" &&
        /certificate/.test(error.message),
    );
  }
  assert.equal(asked, 0);
});

Deno.test("a server that is silent is left when the time is over", async () => {
  for (const greets of [false, true]) {
    using listener = greets
      ? Deno.listenTls({ hostname: "127.0.0.1", port: 0, ...CLIENT_EXAMPLE })
      : Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { promise: elapsed, resolve: end } = Promise.withResolvers<void>();
    const fetch = guardedFetch({
      resolve: () => Promise.resolve([PUBLIC]),
      connect: ({ host }, signal) =>
        connectTls({
          address: "127.0.0.1",
          host,
          port: (listener.addr as Deno.NetAddr).port,
          authorities: [AUTHORITY],
        }, signal),
    }, () => ({ elapsed, cancel: () => {} }));
    const asking = fetch({
      url: "https://client.example/",
      method: "GET",
      limit_ms: 5000,
      max_body: 0,
      bodyWanted: () => true,
    });
    asking.catch(() => {});
    using connection = await listener.accept();
    // With TLS the request arrives and is not answered; without, not even the greeting is.
    await connection.read(new Uint8Array(1));
    end();
    await assert.rejects(asking, /no whole answer within 5000 ms/);
    // What is left arrives before the end that the other side made of the connection.
    const rest = new Uint8Array(4096);
    while (await connection.read(rest).catch(() => null) !== null);
  }
});

Deno.test("a server that leaves in the middle of the handshake, or speaks no TLS, is unreachable", async () => {
  for (const said of ["", "HTTP/1.1 400 Bad Request\r\n\r\n"]) {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    const fetch = guardedFetch({
      resolve: () => Promise.resolve([PUBLIC]),
      connect: ({ host }, signal) => connectTls({ address: "127.0.0.1", host, port }, signal),
    }, systemTimer);
    const asking = fetch({
      url: "https://client.example/",
      method: "GET",
      limit_ms: 5000,
      max_body: 0,
      bodyWanted: () => true,
    });
    asking.catch(() => {});
    {
      using connection = await listener.accept();
      await connection.read(new Uint8Array(4096));
      if (said !== "") await connection.write(new TextEncoder().encode(said));
    }
    await assert.rejects(asking, /client\.example cannot be reached/);
  }
});

Deno.test("strangers are asked with the permissions of the task start, and no more", async () => {
  await using server = serve(() => new Response("secret"));
  const program = `
    import { connectTls } from "./lib/outside/internet.ts";
    const to = { address: "127.0.0.1", host: "client.example", port: ${server.addr.port} };
    try {
      await connectTls(to, AbortSignal.timeout(10_000));
    } catch (error) {
      console.log(error.message);
    }
  `;
  const { out, err } = await runAsService(program);
  assert.match(out + err, /^unable to verify the first certificate$/m);
});
