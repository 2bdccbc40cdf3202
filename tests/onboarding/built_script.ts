import fc from "fast-check";
import assert from "node:assert/strict";
import type { JsonValue } from "../../lib/base/json.ts";
import type { Item, MachineItem, RuleItem, ToolItem } from "../../lib/onboarding/builder_items.ts";
import {
  bashScript,
  pythonScript,
  typescriptScript,
} from "../../lib/onboarding/builder_scripts.ts";
import { LEVELS, PERMISSIONS } from "../../lib/store/records/vocabulary.ts";
import { jsonObject } from "../helpers/arbitrary_json.ts";
import { type RanProgram, runPrinted } from "../helpers/printed_program.ts";

/** Texts that would end a quotation, start a command, or mislead a reader. */
const HOSTILE = [
  `'; touch /tmp/ran; '`,
  `"; touch /tmp/ran; "`,
  "$(touch /tmp/ran)",
  "`touch /tmp/ran`",
  "${COUNTERSIGN_KEY}",
  "JSON\nJSON\ntouch /tmp/ran\n",
  "'''\n\"\"\"\n${1}`${2}`",
  "\\",
  "\\'",
  '\\"',
  "%s%n\\n",
  "\r\n\t\0\x07\x1b[2J\x7f",
  "{}[]?*~!#&|<>;=@",
  "__proto__",
  "safe\u202Egnp.exe\u2066\u200b\u2028\u2029\ufeff",
  "\u{e0041}\u{1f468}\u200d\u{1f469}\u{10ffff}ü漢",
  "-- --help",
];

/** Any text that is well-formed, hostile ones among them often. */
export const hostileText = fc.oneof(
  { arbitrary: fc.constantFrom(...HOSTILE), weight: 3 },
  { arbitrary: fc.string({ unit: "binary" }), weight: 2 },
  {
    arbitrary: fc.tuple(fc.constantFrom(...HOSTILE), fc.string()).map(([a, b]) => a + b),
    weight: 1,
  },
);
/** The same where it is part of an address. */
const inAddress = hostileText.filter((text) => text !== "" && text !== "." && text !== "..");
const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
const permission = fc.constantFrom(...PERMISSIONS);

const tool: fc.Arbitrary<ToolItem> = fc.record({
  kind: fc.constant("tool" as const),
  name: inAddress,
  description: hostileText,
  category: orNull(hostileText),
  tags: fc.array(hostileText, { maxLength: 3 }),
  risk_level: fc.constantFrom("low", "medium", "high", "critical"),
  parameters: orNull(jsonObject),
  default_permission: permission,
  annotations: fc.record({
    read_only: fc.boolean(),
    destructive: fc.boolean(),
    idempotent: fc.boolean(),
    open_world: fc.boolean(),
  }),
  requires_second_approval: fc.boolean(),
});

const rule: fc.Arbitrary<RuleItem> = fc.tuple(
  fc.constantFrom(...LEVELS),
  orNull(hostileText),
  hostileText,
  permission,
  orNull(hostileText),
).map(([{ parts }, tenant_id, text, permission, note]) => {
  const part = (name: string) => (parts as readonly string[]).includes(name) ? text : null;
  const selector = {
    tenant_id,
    resource_id: part("resource_id"),
    tool_name: part("tool_name"),
    method: part("method"),
    tag: part("tag"),
  };
  return { kind: "rule", selector, permission, note };
});

const machine: fc.Arbitrary<MachineItem> = fc.record({
  kind: fc.constantFrom("agent" as const, "key" as const),
  name: hostileText,
  trust_tier: fc.integer({ min: 0, max: 3 }),
  tenant_ids: orNull(fc.array(hostileText, { minLength: 1, maxLength: 3 })),
});

/** Any item, with hostile text wherever there is text. */
export const hostileItem: fc.Arbitrary<Item> = fc.oneof(
  tool,
  fc.record({ kind: fc.constant("tenant" as const), id: inAddress, name: orNull(hostileText) }),
  fc.record({
    kind: fc.constant("resource" as const),
    id: inAddress,
    name: orNull(hostileText),
    type: orNull(hostileText),
  }),
  rule,
  machine,
);

/** A language that a script is written in. */
export interface Language {
  readonly name: string;
  readonly file: string;
  readonly script: (items: readonly Item[], origin: string) => string;
}

export const LANGUAGES: readonly Language[] = [
  { name: "curl", file: "seed.sh", script: bashScript },
  { name: "TypeScript", file: "seed.mts", script: typescriptScript },
  { name: "Python", file: "seed.py", script: pythonScript },
];

/** Saves a script under its name and runs it by the command that it names itself. */
export async function runScript(
  { file }: Pick<Language, "file">,
  text: string,
  env: Record<string, string>,
): Promise<RanProgram> {
  const [, command = assert.fail("it does not say how it is run")] = /then run: (.+)/.exec(text) ??
    [];
  const folder = await Deno.makeTempDir();
  try {
    const ran = await runPrinted(command, { folder, files: { [file]: text }, env });
    const left = Array.from(Deno.readDirSync(folder), ({ name }) => name);
    assert.deepEqual(left, [file], "the script made files");
    return ran;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A request as it arrived. */
export interface Arrived {
  readonly method: string;
  readonly path: string;
  readonly key: string | null;
  readonly body: JsonValue;
}

/** Something in Countersign's place that takes everything, and keeps it. */
export class Listener implements AsyncDisposable {
  readonly arrived: Arrived[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    this.#server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen: () => {} },
      async (request) => {
        const { method, url, headers } = request;
        this.arrived.push({
          method,
          path: new URL(url).pathname,
          key: headers.get("x-api-key"),
          body: await request.json(),
        });
        return Response.json({ token: "cs_agent_made0up", key: "cs_live_made0up" });
      },
    );
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
