/**
 * Breaks one guard after another in a copy of the project, and runs the tests that have to notice:
 * `deno task mutate`, or `deno task mutate lib/oauth passkey` for those guards alone whose file or
 * name has one of the words. Fails when a guard is missed whose loss is not explained.
 */
import { copyProject } from "./project_copy.ts";
import { broken, type Mutant, MUTANTS, testFiles } from "./mutants.ts";

/** How long the tests of one mutant may take, milliseconds: one that hangs is looked into. */
const LIMIT_MS = 10 * 60 * 1000;

type Verdict = "killed" | "survived" | "explained" | "hung" | "unreadable";

interface Run {
  readonly passed: boolean;
  readonly output: string;
}

const words = Deno.args;
const mutants = MUTANTS.filter(({ file, guard }) =>
  words.length === 0 || words.some((word) => file.includes(word) || guard.includes(word))
);
const copy = await copyProject();
try {
  Deno.exitCode = await mutate() ? 0 : 1;
} finally {
  await Deno.remove(copy, { recursive: true });
}

/** Whether every guard is noticed, or its loss explained. */
async function mutate(): Promise<boolean> {
  const files = [...new Set(mutants.flatMap(testFiles))];
  console.log(`${mutants.length} mutants; first their ${files.length} test files without any`);
  const whole = await test(files);
  if (whole === null || !whole.passed) {
    const { output } = whole ?? { output: "They find no end." };
    console.error(output.slice(Math.max(0, output.indexOf(" ERRORS "))));
    console.error("The tests fail as things are: mend them first.");
    return false;
  }
  const found: { mutant: Mutant; verdict: Verdict }[] = [];
  for (const mutant of mutants) {
    const begun = performance.now();
    const { verdict, by } = await judge(mutant);
    const seconds = `${Math.round((performance.now() - begun) / 1000)} s`;
    const count = `${found.push({ mutant, verdict })}/${mutants.length}`;
    console.log(`${count.padEnd(7)} ${verdict.padEnd(10)} ${seconds.padStart(5)}  ${mutant.guard}`);
    console.log(`        ${mutant.file}: ${by}`);
  }
  console.log("\nroom        mutants  killed  explained  missed");
  for (const [room, ofRoom] of Map.groupBy(found, ({ mutant }) => roomOf(mutant))) {
    const count = (verdict: Verdict) => ofRoom.filter((one) => one.verdict === verdict).length;
    const killed = count("killed");
    const explained = count("explained");
    const missed = ofRoom.length - killed - explained;
    const cells = [ofRoom.length, killed, explained, missed];
    console.log(room.padEnd(10) + cells.map((cell) => String(cell).padStart(9)).join(""));
  }
  const missed = found.filter(({ verdict }) => verdict !== "killed" && verdict !== "explained");
  for (const { mutant, verdict } of missed) {
    console.error(`${verdict}: ${mutant.file}: ${mutant.guard}. Write the test that notices.`);
  }
  return missed.length === 0;
}

/** What the tests make of one mutant, and by what that is known. */
async function judge(mutant: Mutant): Promise<{ verdict: Verdict; by: string }> {
  const { file, explained, tests } = mutant;
  const path = copy + file;
  const source = await Deno.readTextFile(path);
  await Deno.writeTextFile(path, broken(source, mutant));
  try {
    const run = await test(testFiles(mutant), "--fail-fast");
    if (run === null) return { verdict: "hung", by: tests.join(", ") };
    if (run.passed) {
      return explained === undefined
        ? { verdict: "survived", by: tests.join(", ") }
        : { verdict: "explained", by: explained };
    }
    // What does not parse is noticed by no test.
    if (/source code could not be parsed/.test(run.output)) {
      return { verdict: "unreadable", by: run.output };
    }
    const failed = /^(.+?) (?:\.\.\. )?(?:=> |FAILED)/m.exec(run.output)?.[1];
    return { verdict: "killed", by: failed?.trim() ?? tests.join(", ") };
  } finally {
    await Deno.writeTextFile(path, source);
  }
}

/** Runs test files in the copy; null when they find no end. */
async function test(files: readonly string[], ...flags: readonly string[]): Promise<Run | null> {
  const signal = AbortSignal.timeout(LIMIT_MS);
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "--config", "deno.dev.json", "-A", "--no-check", "--quiet", ...flags, ...files],
    cwd: copy,
    env: { NO_COLOR: "1" },
    stdin: "null",
    signal,
  }).output();
  if (!success && signal.aborted) return null;
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { passed: success, output: text(stdout) + text(stderr) };
}

/** The folder of `lib` that a mutant is in. */
function roomOf({ file }: Mutant): string {
  return file.split("/")[1] ?? file;
}
