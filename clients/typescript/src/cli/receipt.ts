import { resolve } from "node:path";
import { objectOf } from "../answers.ts";
import {
  type LogKeys,
  organizationOf,
  type ReceiptKeys,
  verifiedClaims,
  verifiedReceipt,
} from "../receipts.ts";
import { anyAnswer, segment } from "../resources.ts";
import type { Call, Command } from "./command.ts";
import { EXIT, type Exit, WrongUse } from "./exit.ts";
import { replaceFile } from "./files.ts";
import { jsonText, table } from "./shown.ts";

/** Receipts, fetched and verified, and verified offline, in code that the service has no part in. */

type Json = Readonly<Record<string, unknown>>;

const isJson = anyAnswer<Json>;

/** What a file with keys has to be, for the one kind of receipts or the other. */
function keysIn<T>(keys: Json | undefined): T | undefined {
  if (keys === undefined) return undefined;
  if (!Array.isArray(keys["keys"])) throw new WrongUse("The file of keys has no list of keys");
  return keys as T;
}

/** The two parts of a signed receipt that others know it by; null for a receipt of the log. */
function signedPart(receipt: Json): Json | null {
  const inner = objectOf(receipt["receipt"]);
  if (inner !== null) return inner;
  return "protected" in receipt ? receipt : null;
}

interface Proven {
  readonly genuine: true;
  /** Whether the keys were handed in, and not brought along. */
  readonly trusted: boolean;
  readonly kind: "log" | "signed";
  readonly says: Json;
  readonly rows: readonly (readonly unknown[])[];
}

/** @throws {NotGenuine} */
async function proven(receipt: Json, keys: Json | undefined): Promise<Proven> {
  const signed = signedPart(receipt);
  if (signed === null) {
    const checked = await verifiedReceipt(receipt, keysIn<LogKeys>(keys));
    const { entry, index, size, origin, trusted } = checked;
    const rows = [
      ["entry", `${index} of ${size}, ${entry["type"]} at ${entry["at"]}`],
      ["log", origin],
      ["key", trusted ? "one of yours" : "its own: of one piece, and nobody says whose"],
    ];
    return { genuine: true, trusted, kind: "log", says: entry, rows };
  }
  const known = keysIn<ReceiptKeys>(keys);
  if (known === undefined) {
    const where = `/.well-known/countersign/receipt-keys/${organizationOf(signed)}`;
    throw new WrongUse(`A signed receipt brings no key. Keep what ${where} has: --keys FILE`);
  }
  const claims = await verifiedClaims(signed, known);
  const rows = Object.entries(claims).map(([name, value]) => [
    name,
    typeof value === "string" ? value : jsonText(value),
  ]);
  return { genuine: true, trusted: true, kind: "signed", says: claims, rows };
}

function tellProven(call: Call, { rows, ...value }: Proven): Exit {
  call.tell(value, table([["receipt", "genuine"], ...rows]));
  return EXIT.allowed;
}

async function verified(call: Call): Promise<Exit> {
  const file = call.needed("file");
  const receipt = await call.object(file === "-" ? file : `@${file}`);
  const keys = call.text("keys");
  return tellProven(
    call,
    await proven(receipt, keys === undefined ? undefined : await call.object(`@${keys}`)),
  );
}

async function got(call: Call): Promise<Exit> {
  const countersign = await call.service();
  const receipt = await countersign.get(`/v1/receipts/${segment(call.needed("id"))}`, isJson);
  const signed = signedPart(receipt);
  const keys = signed === null ? undefined : await countersign.get(
    `/.well-known/countersign/receipt-keys/${segment(organizationOf(signed))}`,
    isJson,
  );
  // Never handed out unverified: a file that is kept is believed later.
  const { kind } = await proven(receipt, keys);
  const text = `${jsonText(receipt, 2)}\n`;
  const out = call.text("out");
  if (out === undefined) {
    call.machine.out(text);
    return EXIT.allowed;
  }
  await replaceFile(resolve(call.machine.cwd, out), text, 0o644);
  call.tell({ file: out, kind }, `It is genuine, and in ${out}\n`);
  return EXIT.allowed;
}

export const getReceipt: Omit<Command, "about"> = {
  args: {
    id: {
      type: "positional",
      description: "Of a decision, an approval, an execution, or a signed receipt (rcp_…)",
    },
    out: { type: "string", description: "A file to write it to", valueHint: "FILE" },
  },
  run: got,
};

export const verify: Omit<Command, "about"> = {
  args: {
    file: { type: "positional", description: "The receipt, or - for the input" },
    keys: {
      type: "string",
      description: "Keys that you kept, as the service publishes them",
      valueHint: "FILE",
    },
  },
  run: verified,
};
