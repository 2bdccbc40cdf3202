import { ran } from "./environment.ts";
import { type Framework, FRAMEWORKS } from "./list.ts";

/** Which frameworks a change concerns: their own files, or what all guards of a language share. */

const DAY_SECONDS = 24 * 60 * 60;

/** What every guard stands on, by language; the command line and the other guards aside. */
const SHARED: Readonly<Record<Framework["language"], RegExp>> = {
  typescript: /^clients\/typescript\/(pack\.json|src\/[^/]+\.ts)$|^tools\/release\.ts$/,
  python: /^clients\/python\/(pyproject\.toml|src\/countersign_sdk\/[^/]+)$/,
};

/** The harness, which judges them all; and what it lays beside the drivers of a language. */
const HARNESS = /^tests\/frameworks\/[^/]+\.(ts|mjs|py)$/;

/** Those that a change of these files concerns. */
export function concerned(paths: readonly string[]): readonly Framework[] {
  const guards = FRAMEWORKS.flatMap(({ guard }) => guard);
  return FRAMEWORKS.filter(({ name: own, within = own, language, guard }) =>
    paths.some((path) =>
      guard.some((own) => own === path || own.endsWith("/") && path.startsWith(own)) ||
      path.startsWith(`tests/frameworks/${within}/`) ||
      path === `docs/frameworks/${within}.md` || HARNESS.test(path) ||
      (SHARED[language].test(path) && !guards.includes(path))
    )
  );
}

/**
 * The paths that changed, and since when; null where there is nothing to compare with. In a clone
 * that holds no more than what was landed, that is all of the last day: what lands together is
 * rarely one commit.
 */
export async function changedFiles(): Promise<{ paths: string[]; since: string } | null> {
  const git = (...words: string[]) => ran(["git", ...words]);
  const head = await git("rev-parse", "HEAD").catch(() => null);
  // Sources without their history.
  if (head === null) return null;
  const landed = await git("merge-base", "HEAD", "origin/main").catch(() => head);
  const base = landed !== head ? landed : await git(
    "rev-list",
    "-1",
    `--before=${Number(await git("log", "-1", "--format=%ct")) - DAY_SECONDS}`,
    "HEAD",
  );
  if (base === "") return null;
  const changed = await git("diff", "--name-only", base);
  const added = await git("ls-files", "--others", "--exclude-standard");
  const paths = `${changed}\n${added}`.split("\n").filter((path) => path !== "");
  return { paths, since: base.slice(0, 12) };
}
