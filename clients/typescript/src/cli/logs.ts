import type { Countersign } from "../countersign.ts";
import { NoAnswer } from "../errors.ts";
import { anyAnswer, type Filter, query } from "../resources.ts";
import type { Call, Command } from "./command.ts";
import { EXIT, type Exit, WrongUse } from "./exit.ts";
import { clean, jsonText } from "./shown.ts";

/** Entries of the audit log: the newest, and those that come. */

interface Entry {
  readonly index: number;
  readonly at: string;
  readonly type: string;
  readonly actor: Readonly<Record<string, unknown>>;
  readonly subject: Readonly<Record<string, unknown>>;
}

interface Page {
  readonly data: readonly Entry[];
  readonly next_cursor: string | null;
}

function isPage(value: unknown): value is Page {
  const { data, next_cursor: next } = anyAnswer<Page>(value) ? value : {};
  return Array.isArray(data) && (next === null || typeof next === "string") &&
    data.every((row) =>
      anyAnswer<Entry>(row) && Number.isSafeInteger(row.index) && typeof row.at === "string" &&
      anyAnswer<unknown>(row.actor) && anyAnswer<unknown>(row.subject)
    );
}

const POLL_MS = 2000;

function tellEntry(call: Call, entry: Entry): void {
  const { index, at, type, actor, subject } = entry;
  const named = Object.entries(subject).filter(([, value]) => value !== null);
  const about = named.map(([name, value]) =>
    `${name}=${typeof value === "string" ? value : jsonText(value)}`
  );
  const line = [index, at, type, actor["name"] ?? actor["id"], ...about].map(clean).join("  ");
  call.machine.out(`${call.json ? jsonText(entry) : line}\n`);
}

/** Entries after one, in their order. */
async function* after(
  countersign: Countersign,
  filter: Filter,
  last: { readonly index: number; readonly at: string } | null,
): AsyncGenerator<Entry> {
  let cursor: string | undefined;
  do {
    const asked = { ...filter, since: last?.at, order: "asc", limit: 200, cursor };
    const page: Page = await countersign.get(`/v1/activity${query(asked)}`, isPage);
    for (const entry of page.data) if (entry.index > (last?.index ?? -1)) yield entry;
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
}

async function run(call: Call): Promise<Exit> {
  const filter = { type: call.text("type"), tool_name: call.text("tool") };
  const limit = call.number("limit", 20, 200);
  if (limit === 0) throw new WrongUse("--limit is from 1 on");
  const countersign = await call.service();
  const newest = `/v1/activity${query({ ...filter, limit })}`;
  const { data } = await countersign.get(newest, isPage);
  let last: Entry | null = null;
  for (const entry of data.toReversed()) tellEntry(call, last = entry);
  while (call.flag("follow")) {
    await new Promise<void>((resolve) => void call.machine.after(POLL_MS, resolve));
    try {
      for await (const entry of after(countersign, filter, last)) tellEntry(call, last = entry);
    } catch (error) {
      // It may be back with the next look; a refusal stays one.
      if (!(error instanceof NoAnswer)) throw error;
      call.note(error.message);
    }
  }
  return EXIT.allowed;
}

export const logs: Omit<Command, "about"> = {
  args: {
    follow: { type: "boolean", alias: "f", description: "Go on with those that come" },
    limit: { type: "string", description: "How many of the newest, up to 200", valueHint: "COUNT" },
    type: { type: "string", description: "Such as approval.decided", valueHint: "TYPE" },
    tool: { type: "string", description: "About one tool", valueHint: "NAME" },
  },
  run,
};
