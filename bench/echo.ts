/** A server that parses JSON and answers it: the ceiling of anything that speaks HTTP here. */
Deno.serve(
  { port: 0, hostname: "127.0.0.1", onListen: ({ port }) => console.log(JSON.stringify({ port })) },
  async (request) => Response.json(await request.json()),
);
