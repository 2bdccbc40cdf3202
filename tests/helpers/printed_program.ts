import assert from "node:assert/strict";

/** What became of a program that was run as its reader would run it. */
export interface RanProgram {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** The programs that a reader of the README has, and how each is had. */
const LAUNCHERS: Readonly<Record<string, string>> = {
  bash: "bash",
  curl: "curl (Debian: apt-get install curl)",
  openssl: "OpenSSL (Debian: apt-get install openssl)",
  npx: "Node 20 or later, which brings npx (https://nodejs.org)",
  python3: "Python 3 (Debian: apt-get install python3)",
};

/** What launchers say of themselves is not what a program says. */
const QUIET = {
  NO_COLOR: "1",
  DENO_NO_UPDATE_CHECK: "1",
  npm_config_loglevel: "error",
  npm_config_update_notifier: "false",
  PYTHONDONTWRITEBYTECODE: "1",
};

let checked: Promise<void> | null = null;

/** Says which launcher is missing, rather than that a program has failed. */
function assertLaunchers(): Promise<void> {
  return checked ??= (async () => {
    for (const [name, how] of Object.entries(LAUNCHERS)) {
      const { success } = await new Deno.Command("bash", { args: ["-c", `command -v ${name}`] })
        .output();
      assert.ok(
        success,
        `There is no ${name}, and what is printed for readers cannot be run: install ${how}`,
      );
    }
  })();
}

/**
 * Runs commands in a terminal as they are printed, in a folder of their own that holds `files`.
 * @throws when a program that the README asks for is not installed
 */
export async function runPrinted(
  commands: string,
  { files = {}, env = {}, folder: within }: {
    /** What is in the folder, by name. */
    readonly files?: Readonly<Record<string, string>>;
    readonly env?: Readonly<Record<string, string>>;
    /** A folder that is there already, and stays. */
    readonly folder?: string;
  } = {},
): Promise<RanProgram> {
  await assertLaunchers();
  const folder = within ?? await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    const { code, stdout, stderr } = await new Deno.Command("bash", {
      args: ["-c", commands],
      cwd: folder,
      env: { ...QUIET, ...env },
    }).output();
    const decoder = new TextDecoder();
    return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
  } finally {
    if (within === undefined) await Deno.remove(folder, { recursive: true });
  }
}
