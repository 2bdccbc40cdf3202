import assert from "node:assert/strict";
import { evidenceDigest } from "../../lib/receipts/jws.ts";
import { Countersign, TestClock } from "../helpers/countersign.ts";
import { checked } from "../helpers/mandates.ts";
import { eventful, payloadOf, receiptedEntries, receiptPath } from "../helpers/receipts.ts";

/** What verifies receipts for others, as it is published, for each of the two forms. */
const PACKAGES = {
  "allowly-5": "allowly-receipt-format==5.0.0",
  "allowly-4": "allowly-receipt-format==4.3.1",
};

/** Reads cases, and says of each what is wrong with it; null for nothing. Digests what is to be. */
const VERIFIER = `
import hashlib, json, sys
from allowly_receipt_format import canonicalize, load_keys_from_json, verify_receipt

given = json.load(sys.stdin)
keys = load_keys_from_json(given["keys"])
trusted = {key["public_key_fingerprint"] for key in given["keys"]["keys"]}

def wrong(receipt):
    try:
        verify_receipt(receipt, keys, expected_workspace_id=given["keys"]["workspace_id"],
            trusted_key_fingerprints=trusted)
        return None
    except Exception as error:
        return type(error).__name__

print(json.dumps({
    "wrong": [wrong(receipt) for receipt in given["receipts"]],
    "digests": [hashlib.sha256(canonicalize(value)).hexdigest() for value in given["values"]],
}))
`;

interface Given {
  readonly keys: unknown;
  readonly receipts: readonly unknown[];
  readonly values: readonly unknown[];
}

interface Said {
  readonly wrong: readonly (string | null)[];
  readonly digests: readonly string[];
}

/** What the published verifier says, in a virtual environment of its own. */
async function verified(
  folder: string,
  format: keyof typeof PACKAGES,
  given: Given,
): Promise<Said> {
  const venv = `${folder}/${format}`;
  for (
    const [command, ...args] of [
      ["python3", "-m", "venv", venv],
      [`${venv}/bin/python`, "-m", "pip", "install", "--quiet", PACKAGES[format]],
    ] as const
  ) {
    const { success, stderr } = await new Deno.Command(command, { args, stdout: "null" }).output();
    assert(success, new TextDecoder().decode(stderr));
  }
  const python = new Deno.Command(`${venv}/bin/python`, {
    args: ["-c", VERIFIER],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = python.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(given)));
  await writer.close();
  const { success, stdout, stderr } = await python.output();
  assert(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** Values whose canonical text is easily another one. */
const VALUES = [
  { note: "\u0000\b\t\n\u000b\f\r\u001f\u007f\u2028" },
  { "😀": 1, "｡": 2, "\ue000": 3, "\n": 4, "": 5, a: { "": [], b: {} } },
  { most: 2 ** 53 - 1, least: -(2 ** 53 - 1), none: 0, minus: -0 },
  { text: 'quote " backslash \\ slash / \\n ü 😀', list: [true, false, null, "", {}] },
];

/** A receipt of the JWS form that claims something else. */
function claiming(receipt: { payload: string }, claims: object) {
  const bytes = new TextEncoder().encode(JSON.stringify({ ...payloadOf(receipt), ...claims }));
  return { ...receipt, payload: bytes.toBase64({ alphabet: "base64url", omitPadding: true }) };
}

Deno.test("the published verifier takes every kind of receipt, before and after a rotation, and no changed one", async () => {
  // It goes by the time of this computer, which receipts must not be ahead of.
  await using countersign = await Countersign.start({ clock: new TestClock(Date.now() - 60_000) });
  const org = await eventful(countersign);
  const receiptOf = async (entry: { id: string }, format: string) => {
    const got = await org.get(`${receiptPath(entry)}?format=${format}`, org.management);
    assert.equal(got.status, 200, got.text);
    return got.body.receipt;
  };
  const entries = (await receiptedEntries(countersign, org)).map(({ entry }) => entry);
  const [first = assert.fail("nothing happened")] = entries;
  await receiptOf(first, "allowly-5");
  const rotated = await org.post("/v1/receipts/rotate-key", {}, org.management);
  assert.equal(rotated.status, 201, rotated.text);
  countersign.clock.advance(1_000);
  const { decision_id } = await checked(org, null);
  const all = [...entries, { id: decision_id }];
  const keys = (await org.get(`/.well-known/countersign/receipt-keys/${org.id}`)).body;
  const outside = {
    ...keys,
    keys: keys.keys.map((key: { active_until: string | null }) => ({
      ...key,
      // The old key ends before anything that it signed.
      ...(key.active_until === null
        ? {}
        : { active_from: "2026-01-01T00:00:00.000Z", active_until: "2026-01-01T00:00:00.001Z" }),
    })),
  };
  const folder = await Deno.makeTempDir();
  try {
    const five = await Promise.all(all.map((entry) => receiptOf(entry, "allowly-5")));
    const [one] = five;
    const changed = [
      claiming(one, { user_id: "u2" }),
      claiming(one, { issued_at: "2026-01-01T00:00:00.000Z" }),
      { ...one, signature: five[1].signature },
      { ...one, protected: five.at(-1).protected },
    ];
    const said = await verified(folder, "allowly-5", {
      keys,
      receipts: [...five, ...changed],
      values: VALUES,
    });
    assert.deepEqual(said.wrong, [
      ...all.map(() => null),
      "SignatureMismatchError",
      "KeyOutsideActiveWindowError",
      "SignatureMismatchError",
      "KeyOutsideActiveWindowError",
    ]);
    assert.deepEqual(said.digests, VALUES.map((value) => evidenceDigest(value)));
    const late = await verified(folder, "allowly-5", { keys: outside, receipts: five, values: [] });
    assert.deepEqual(late.wrong, [...entries.map(() => "KeyOutsideActiveWindowError"), null]);

    const four = await Promise.all(all.map((entry) => receiptOf(entry, "allowly-4")));
    const before = await verified(folder, "allowly-4", {
      keys,
      receipts: [...four, { ...four[0], user_id: "u2" }],
      values: VALUES,
    });
    assert.deepEqual(before.wrong, [...all.map(() => null), "SignatureMismatchError"]);
    assert.deepEqual(before.digests, said.digests);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
