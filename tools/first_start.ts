/**
 * Measures the first start as somebody has it who just cloned: this checkout's files in an empty
 * folder, an empty home, an empty cache, and the README's command by the Deno that runs this. Prints
 * what was fetched beside Deno itself, what was said before the set-up link, and how long it took
 * until `/readyz` said so. Exit status: 1 where that is more than it may be.
 *
 *     deno task first-start
 */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const MOST_PACKAGES = 45;
const MOST_MEGABYTES = 60;

const project = fileURLToPath(new URL("..", import.meta.url));
const home = await Deno.makeTempDir();
try {
  Deno.exitCode = await measure(`${home}/countersign`, `${home}/cache`) ? 0 : 1;
} finally {
  await Deno.remove(home, { recursive: true });
}

/** Prints the measures; false where one is too large. */
async function measure(checkout: string, cache: string): Promise<boolean> {
  await copyFiles(checkout);
  const begun = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["task", "-q", "start"],
    cwd: checkout,
    clearEnv: true,
    env: { ...networkVariables(), HOME: home, DENO_DIR: cache, PORT: "0", NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const said = new Response(child.stdout).text();
  const { logged, port } = await untilListening(child.stderr);
  const answer = port === null ? null : await fetch(`http://127.0.0.1:${port}/readyz`);
  const { status = "not started" } = await answer?.json() ?? {};
  const seconds = (performance.now() - begun) / 1000;
  if (answer !== null) child.kill("SIGTERM");
  await child.status;
  const [before = ""] = (await said).split("Nobody owns this deployment yet");
  const [noise = ""] = logged.split('{"at":');
  const words = (before + noise).trim();
  const fetched = [...await filesIn(`${cache}/npm`), ...await filesIn(`${cache}/dl`)];
  const packages = packagesAmong(fetched.map(({ path }) => path.slice(cache.length)));
  const megabytes = fetched.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6;
  console.log(
    `${status} after ${seconds.toFixed(1)} s; fetched ${packages} packages (at most ` +
      `${MOST_PACKAGES}), ${
        megabytes.toFixed(1)
      } MB (at most ${MOST_MEGABYTES}); said before the ` +
      `set-up link: ${words === "" ? "nothing" : words}`,
  );
  return status === "ready" && packages <= MOST_PACKAGES && megabytes <= MOST_MEGABYTES &&
    words === "";
}

/** What git would clone, as it stands now. */
async function copyFiles(checkout: string): Promise<void> {
  const { stdout } = await new Deno.Command("git", {
    args: ["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    cwd: project,
  }).output();
  for (const path of new TextDecoder().decode(stdout).split("\0")) {
    if (path === "") continue;
    await Deno.mkdir(dirname(`${checkout}/${path}`), { recursive: true });
    await Deno.copyFile(project + path, `${checkout}/${path}`);
  }
}

/** How this machine reaches the registry, which is not the project's. */
function networkVariables(): Record<string, string> {
  const wanted = /^(PATH|HTTPS?_PROXY|NO_PROXY|NPM_CONFIG_REGISTRY|DENO_CERT|DENO_TLS_CA_STORE)$/i;
  const all = Object.entries(Deno.env.toObject());
  return Object.fromEntries(all.filter(([name]) => wanted.test(name)));
}

/** What is logged until it listens, and the port; reads on, so that it can log what follows. */
function untilListening(stream: ReadableStream<Uint8Array>) {
  const { promise, resolve } = Promise.withResolvers<{ logged: string; port: string | null }>();
  const read = async () => {
    const decoder = new TextDecoder();
    let logged = "";
    for await (const bytes of stream) {
      logged += decoder.decode(bytes, { stream: true });
      const port = /"Countersign listens","port":(\d+)/.exec(logged)?.[1];
      if (port !== undefined) resolve({ logged, port });
    }
    resolve({ logged, port: null });
  };
  void read();
  return promise;
}

async function filesIn(folder: string): Promise<{ path: string; bytes: number }[]> {
  const found: { path: string; bytes: number }[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const path = `${folder}/${name}`;
      if (isDirectory) found.push(...await filesIn(path));
      else found.push({ path, bytes: (await Deno.lstat(path)).size });
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return found;
}

/** Packages lie below `npm/` by registry, name and version; what Deno needs itself below `dl/`. */
function packagesAmong(paths: readonly string[]): number {
  const place = /^\/npm\/[^/]+\/((?:@[^/]+\/)?[^/]+\/\d[^/]*)\/|^\/dl\/([^/]+)\//;
  const names = paths.map((path) => place.exec(path)).map((found) => found?.[1] ?? found?.[2]);
  return new Set(names.filter((name) => name !== undefined)).size;
}
