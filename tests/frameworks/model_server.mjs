import { createServer } from "node:http";

/**
 * A model behind an address, for programs that bring their own client: it calls the tools that it is
 * told to, one after the other, and then has read what came back. It speaks as much of two protocols
 * as these programs use: messages (Anthropic) and responses (OpenAI), both streamed.
 */

const READ = "I have read it.";

/** @param calls `{ name, input }`, in their order; an input may be made of what was told before */
export async function modelServer(calls) {
  /** What came back of each call, by its id. */
  const told = new Map();
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const path = new URL(request.url, "http://model").pathname;
    const protocol = request.method === "POST"
      ? Object.entries(PROTOCOLS).find(([end]) => path.endsWith(end))?.[1]
      : undefined;
    if (protocol === undefined) {
      response.writeHead(404, { "content-type": "application/json" }).end('{"error":{}}');
      return;
    }
    const body = JSON.parse(Buffer.concat(parts).toString());
    const results = protocol.results(body);
    for (const [id, said] of results) told.set(id, said);
    // A program asks for titles and the like besides; those requests bring no tools.
    const next = (body.tools ?? []).length > 0 ? calls[results.size] : undefined;
    const id = `call_${results.size + 1}`;
    const call = typeof next?.input === "function"
      ? { ...next, input: next.input([...results.values()]) }
      : next;
    if (body.stream !== true) {
      response.writeHead(200, { "content-type": "application/json" })
        .end(JSON.stringify(protocol.whole(body, call, id)));
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const event of protocol.events(body, call, id)) {
      response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
    }
    response.end();
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  // It holds no program up that has ended otherwise.
  server.unref();
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** What the model was told of its calls, in their order. */
    told: () => calls.map((_, i) => told.get(`call_${i + 1}`) ?? null),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

function plain(content) {
  if (typeof content === "string") return content;
  return (content ?? []).map((part) => part.text ?? "").join("");
}

const USAGE = { input_tokens: 1, output_tokens: 1 };

const messages = {
  results: ({ messages }) =>
    new Map(
      messages.flatMap(({ content }) => Array.isArray(content) ? content : [])
        .filter(({ type }) => type === "tool_result")
        .map(({ tool_use_id, content }) => [tool_use_id, plain(content)]),
    ),
  message: ({ model }) => ({
    id: "msg_1",
    type: "message",
    role: "assistant",
    model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: USAGE,
  }),
  whole: (body, call, id) => ({
    ...messages.message(body),
    content: [
      call === undefined ? { type: "text", text: READ } : { type: "tool_use", id, ...call },
    ],
    stop_reason: call === undefined ? "end_turn" : "tool_use",
  }),
  events: (body, call, id) => {
    const block = call === undefined
      ? { type: "text", text: "" }
      : { type: "tool_use", id, name: call.name, input: {} };
    const delta = call === undefined
      ? { type: "text_delta", text: READ }
      : { type: "input_json_delta", partial_json: JSON.stringify(call.input) };
    const stop_reason = call === undefined ? "end_turn" : "tool_use";
    return [
      { type: "message_start", message: messages.message(body) },
      { type: "content_block_start", index: 0, content_block: block },
      { type: "content_block_delta", index: 0, delta },
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason, stop_sequence: null }, usage: USAGE },
      { type: "message_stop" },
    ];
  },
};

const responses = {
  results: ({ input }) =>
    new Map(
      (Array.isArray(input) ? input : [])
        .filter(({ type }) => type === "function_call_output")
        .map(({ call_id, output }) => [call_id, plain(output)]),
    ),
  item: (call, id) =>
    call === undefined
      ? {
        type: "message",
        role: "assistant",
        id: "msg_1",
        content: [{ type: "output_text", text: READ }],
      }
      : {
        type: "function_call",
        id,
        call_id: id,
        ...call.namespace === undefined ? {} : { namespace: call.namespace },
        name: call.name,
        arguments: JSON.stringify(call.input),
      },
  whole: (_, call, id) => ({ id: "resp_1", output: [responses.item(call, id)] }),
  events: (_, call, id) => [
    { type: "response.created", response: { id: "resp_1" } },
    { type: "response.output_item.done", output_index: 0, item: responses.item(call, id) },
    {
      type: "response.completed",
      response: { id: "resp_1", usage: { ...USAGE, total_tokens: 2 } },
    },
  ],
};

const PROTOCOLS = { "/messages": messages, "/responses": responses };
