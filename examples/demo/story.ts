const COLUMNS = 100;
const INDENT = 16;

/** Something did not happen as the demo says. */
export class NotAsTold extends Error {
  readonly code = "not_as_told";
}

/** The demo's voice: numbered steps in plain words, each claim checked before it is printed. */
export class Story {
  #steps = 0;

  constructor(private readonly print: (line: string) => void) {}

  step(title: string): void {
    this.#steps++;
    this.print(`\n${this.#steps}. ${title}`);
  }

  /** What somebody did or said, in lines of at most 100 columns. */
  tell(who: string, what: string): void {
    const lines = what.split("\n").flatMap((line) => wrapped(line, COLUMNS - INDENT));
    for (const [i, line] of lines.entries()) {
      this.print(`   ${(i === 0 ? who : "").padEnd(INDENT - 3)}${line}`);
    }
  }

  /** Prints a claim that holds. @throws {NotAsTold} when it does not */
  check(holds: boolean, claim: string): void {
    if (!holds) throw new NotAsTold(`Step ${this.#steps} does not hold: ${claim}`);
    this.print(`   ✓ ${claim}`);
  }
}

/** A line broken at spaces where it is longer than `columns`; its own indent is kept. */
function wrapped(line: string, columns: number): string[] {
  if (line.length <= columns) return [line];
  const indent = line.slice(0, line.length - line.trimStart().length);
  const space = line.lastIndexOf(" ", columns);
  if (space <= indent.length) return [line];
  return [line.slice(0, space), ...wrapped(indent + line.slice(space + 1), columns)];
}
