import type { Answers, Bodies } from "../wire.ts";
import type { Call, Command } from "./command.ts";
import { EXIT, type Exit } from "./exit.ts";
import { table } from "./shown.ts";

/** What users let agents do, over REST. */

type Mandate = Answers["mandates"]["data"][number];

function rowsOf({ id, state, user_id, agent, scopes, expires_at }: Mandate) {
  return [
    ["mandate", id],
    ["state", state],
    ["user", user_id],
    ["agent", agent],
    ["scopes", scopes.join(", ")],
    ["until", expires_at],
  ];
}

function tellMandate(call: Call, mandate: Mandate): Exit {
  call.tell(mandate, table(rowsOf(mandate)));
  return EXIT.allowed;
}

async function listed(call: Call): Promise<Exit> {
  const answer = await (await call.service()).mandates.list({
    user_id: call.text("user"),
    agent: call.text("agent"),
    state: call.text("state"),
    limit: call.number("limit", 50, 200),
    cursor: call.text("cursor"),
  });
  const rows = answer.data.map(({ id, state, user_id, agent, expires_at }) => [
    id,
    state,
    user_id,
    agent,
    expires_at,
  ]);
  call.tell(answer, table([["mandate", "state", "user", "agent", "until"], ...rows]));
  if (answer.next_cursor !== null && !call.json) call.note(`More: --cursor ${answer.next_cursor}`);
  return EXIT.allowed;
}

const id = { type: "positional", description: "The mandate's id (mdt_…)" } as const;

export const list: Omit<Command, "about"> = {
  args: {
    user: { type: "string", description: "Of one user", valueHint: "ID" },
    agent: { type: "string", description: "Of one agent", valueHint: "ID" },
    state: { type: "string", description: "active, revoked, superseded or expired" },
    limit: { type: "string", description: "How many, up to 200", valueHint: "COUNT" },
    cursor: { type: "string", description: "Where a list went on", valueHint: "CURSOR" },
  },
  run: listed,
};

export const get: Omit<Command, "about"> = {
  args: { id },
  run: async (call) =>
    tellMandate(call, await (await call.service()).mandates.get(call.needed("id"))),
};

export const grant: Omit<Command, "about"> = {
  args: {
    file: {
      type: "positional",
      description: "What is granted, as POST /v1/mandates takes it, or - for the input",
    },
  },
  run: async (call) => {
    const file = call.needed("file");
    // The service says what is wrong with it, member by member.
    const body = await call.object(file === "-" ? file : `@${file}`) as unknown;
    return tellMandate(
      call,
      await (await call.service()).mandates.grant(body as Bodies["mandate"]),
    );
  },
};

export const revoke: Omit<Command, "about"> = {
  args: {
    id,
    by: { type: "string", description: "Who wants it ended", valueHint: "WHO", required: true },
    note: { type: "string", description: "Why", valueHint: "TEXT" },
  },
  run: async (call) => {
    const note = call.text("note");
    const body = { by: call.needed("by"), ...(note === undefined ? {} : { note }) };
    return tellMandate(
      call,
      await (await call.service()).mandates.revoke(call.needed("id"), body),
    );
  },
};
