import fc from "fast-check";
import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import type { FindingCode } from "../../lib/verify/finding.ts";
import { runs } from "../helpers/property_runs.ts";
import type { Line } from "../helpers/signed_log.ts";
import { storedLines } from "../helpers/stored_log.ts";
import { changed, judged, told } from "./forged_log.ts";
import { numbersFrom } from "./life.ts";
import { SpendingLife } from "./spending_life.ts";

/** What is spent under mandates, recounted from whole logs: of any life nothing is found, of forged ones all. */

const STEPS = 120;
const SEED = 20261201;

Deno.test("what is recounted from a log of any spending is what the service counts, and nothing is found in it", async () => {
  const types = new Map<string, number>();
  let checked = 0;
  let silent = 0;
  await fc.assert(
    fc.asyncProperty(fc.nat(2 ** 30), async (seed) => {
      await using life = await SpendingLife.start(numbersFrom(seed));
      await life.live(STEPS);
      await life.check();
      const { lines, verdict } = await judged(life.org);
      assert.ok(verdict.ok, verdict.ok ? "" : JSON.stringify(verdict.finding));
      assert.equal(verdict.report.spending.unchecked, 0);
      await sameAsCounted(life);
      checked += verdict.report.spending.checked;
      silent += lines.flatMap(amountsOf).filter(({ until }) => until !== undefined).length;
      for (const { entry } of lines) {
        const shown = [entry.type, ...MEMBERS.filter((name) => told(entry, name) != null)].join(
          " ",
        );
        types.set(shown, (types.get(shown) ?? 0) + 1);
      }
    }),
    { ...runs(4), seed: SEED },
  );
  assert.ok(checked > 60, `${checked}`);
  assert.ok(silent > 20, `${silent}`);
  for (const shown of LIVED) assert.ok(types.has(shown), `no life has ${shown}`);
});

/** What is recounted of each mandate is what the service says of it. */
async function sameAsCounted(life: SpendingLife): Promise<void> {
  for (const { mandate_id } of life.mandates) {
    const { budget, seq } = (await life.org.get(`/v1/mandates/${mandate_id}`)).body;
    const { verdict } = await judged(life.org, { mandate: mandate_id });
    const told = verdict.ok ? verdict.report.mandate : null;
    assert.equal(told?.seq, seq);
    const own = told?.standings.find(({ scope }) => scope === "mandate");
    assert.deepEqual(
      own === undefined ? null : [own.settled, own.held],
      budget === null ? null : [budget.settled, budget.reserved],
    );
  }
}

/** What makes an entry one of another kind. */
const MEMBERS = ["took_over", "reserved", "ancestors", "uses"];

const LIVED = [
  "permission.checked reserved",
  "permission.checked took_over reserved",
  "token.minted reserved",
  "budget.settled",
  "budget.set",
  "budget.removed",
  "mandate.granted ancestors",
  "mandate.granted uses",
  "mandate.revoked",
  "execution.logged",
];

/** How a log is forged by whoever holds its key: the other lines, or null where there is nothing to forge. */
type Forgery = readonly [
  name: string,
  codes: FindingCode[],
  forge: (lines: Line[]) => Line[] | null,
];

const FORGERIES: readonly Forgery[] = [
  [
    "a check is left out",
    ["mandate_gap", "ask_undecided", "mint_undecided", "mint_unapproved"],
    (lines) => {
      const at = lines.findIndex((line, i) =>
        line.entry.type === "permission.checked" &&
        typeof told(line.entry, "mandate_seq") === "number" && isFollowed(lines, i)
      );
      return at === -1 ? null : lines.toSpliced(at, 1);
    },
  ],
  ["an execution is left out", ["mandate_gap"], (lines) => {
    const at = lines.findLastIndex(({ entry: { type } }, i) =>
      type === "execution.logged" && isFollowed(lines, i)
    );
    return at === -1 ? null : lines.toSpliced(at, 1);
  }],
  ["what was settled is settled again", ["settlement_unfounded"], (lines) => {
    const settled = lines.find(({ entry }) => entry.type === "budget.settled");
    return settled === undefined ? null : [...lines, behind(lines, settled, {})];
  }],
  ["what was refused is settled", ["settlement_unfounded"], (lines) => {
    const settled = lines.find(({ entry }) => entry.type === "budget.settled");
    const refused = lines.find(({ entry }) =>
      entry.type === "permission.checked" && told(entry, "permission") === "disabled" &&
      typeof told(entry, "mandate_seq") === "number"
    );
    if (settled === undefined || refused === undefined) return null;
    const { id, subject } = refused.entry;
    const { mandate } = subject as JsonObject;
    return [...lines, behind(lines, settled, { subject: { decision: id, mandate } as JsonObject })];
  }],
  [
    "more is reserved than there is",
    ["budget_overspent"],
    (lines) => reserving(lines, (micros) => micros + 10_000),
  ],
  [
    "less is counted than the estimate",
    ["budget_miscounted", "budget_released"],
    (lines) => reserving(lines, (micros) => micros === 0 ? 0 : micros - 1),
  ],
  [
    "what is reserved is given back earlier",
    ["budget_miscounted"],
    (lines) =>
      changed(
        lines,
        (line) => amountsOf(line).some(({ until }) => until !== undefined),
        (data) => ({
          ...data,
          reserved: (data.reserved as unknown as Reserved[]).map((one) =>
            one.until === undefined ? one : { ...one, until: one.until - 60_000 }
          ),
        }),
      ),
  ],
  [
    "what is allowed counts nothing",
    ["budget_miscounted", "mandate_widened"],
    (lines) =>
      changed(lines, ({ entry }) => told(entry, "reserved") !== undefined, (data) => {
        const { reserved: _reserved, ...rest } = data;
        return rest;
      }),
  ],
];

Deno.test("what is forged in a log of any spending is found, by whoever holds its key", async () => {
  const found = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.nat(2 ** 30), async (seed) => {
      await using life = await SpendingLife.start(numbersFrom(seed));
      await life.live(STEPS);
      for (const [name, codes, forge] of FORGERIES) {
        const lines = forge(await storedLines(life.countersign.services.deps, life.org.id));
        if (lines === null) continue;
        const { verdict } = await judged(life.org, { change: () => lines });
        assert.ok(!verdict.ok, `${name} was not found`);
        assert.ok(codes.includes(verdict.finding.code), JSON.stringify([name, verdict.finding]));
        found.add(name);
      }
    }),
    { ...runs(2), seed: SEED },
  );
  assert.deepEqual([...found].sort(), FORGERIES.map(([name]) => name).sort());
});

/** Whether an entry about the same mandate follows, whose number then shows that one was left out. */
function isFollowed(lines: readonly Line[], at: number): boolean {
  const { mandate } = lines[at]!.entry.subject as JsonObject;
  return lines.slice(at + 1).some((later) => isAbout(later, mandate));
}

function isAbout({ entry }: Line, mandate: unknown): boolean {
  return (entry.subject as JsonObject).mandate === mandate &&
    typeof told(entry, "mandate_seq") === "number";
}

/** A copy of an entry at the end of a log, with the next number about its mandate. */
function behind(lines: Line[], { entry }: Line, change: JsonObject): Line {
  const copy: JsonObject = { ...entry, ...change, at: lines.at(-1)?.entry.at ?? "" };
  const { mandate } = copy.subject as JsonObject;
  const last = lines.findLast((line) => isAbout(line, mandate));
  const seq = Number(last === undefined ? 0 : told(last.entry, "mandate_seq")) + 1;
  const data = { ...(copy.data as JsonObject), mandate_seq: seq };
  return { index: lines.length, leaf_hash: "", entry: { ...copy, data }, private: null };
}

/** The log with other amounts in the last entry that reserves some. */
function reserving(lines: Line[], by: (micros: number) => number): Line[] | null {
  const some = (line: Line) =>
    amountsOf(line).some(({ micros }) => micros > 0 && by(micros) !== micros);
  return changed(lines, some, (data) => ({
    ...data,
    reserved: (data.reserved as unknown as Reserved[]).map((one) => ({
      ...one,
      micros: by(one.micros),
    })),
  }));
}

interface Reserved extends JsonObject {
  micros: number;
  until?: number;
}

function amountsOf({ entry }: Line): Reserved[] {
  return (told(entry, "reserved") ?? []) as Reserved[];
}
