#!/usr/bin/env node
import process from "node:process";

/**
 * Hosts of hooks run the tool for every code but 2, a crash's too: whatever happens to the command
 * `hook`, from its first line on, ends with 2 unless it has its answer.
 */
const CRASHED = process.argv[2] === "hook" ? 2 : 1;

function crashed(error: unknown): never {
  const what = error instanceof Error ? error.message : "something";
  // Nobody reads it where that is what failed.
  try {
    const code = CRASHED === 2 ? " (guard_failed)" : "";
    process.stderr.write(`countersign: stopped by ${JSON.stringify(what)}${code}\n`);
  } finally {
    process.exit(CRASHED);
  }
}

process.on("uncaughtException", crashed);
process.on("unhandledRejection", crashed);

try {
  const [{ main }, { thisMachine }] = await Promise.all([
    import("./main.ts"),
    import("./machine.ts"),
  ]);
  const code = await main(process.argv.slice(2), thisMachine());
  // What is written is out before the end, and connections that are kept open hold nothing up.
  await new Promise<void>((done, lost) => {
    process.stdout.write("", (error) => error ? lost(error) : done());
  });
  process.exit(code);
} catch (error) {
  crashed(error);
}
