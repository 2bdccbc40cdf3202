/**
 * Bundles what runs in the browser into `dist/`: the islands' loader, from which the bundler reaches
 * every island of `islands/manifest.ts`, and the service worker as one classic script. Nothing is
 * done where neither the sources nor what was made of them has changed since; files that would not
 * change are left alone, so that a server beside it restarts only for a reason.
 */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";

const PROJECT = new URL("../", import.meta.url);
const DIST = new URL("dist/", PROJECT);
/** What a bundle can depend on besides the Deno that makes it. */
const SOURCES = [
  "components/",
  "islands/",
  "lib/",
  "tools/bundle_client.ts",
  "deno.json",
  "deno.lock",
];
/** Holds the fingerprint; no server gives it out. */
const MADE_FROM = new URL(".made_from", DIST);

if (await read(MADE_FROM) === await fingerprint()) {
  console.log("dist/ is made from these sources");
} else {
  await make();
}

async function make(): Promise<void> {
  const scripts = [
    ...await bundle("islands/client.ts", { format: "esm", codeSplitting: true }),
    ...await bundle("islands/request_client.ts", { format: "esm" }),
    ...await bundle("islands/service_worker.ts", { format: "iife" }),
  ];
  await Deno.mkdir(DIST, { recursive: true });
  for (const { name, bytes } of scripts) await writeChanged(new URL(name, DIST), bytes);
  for await (const { name } of Deno.readDir(DIST)) {
    if (!scripts.some((script) => script.name === name)) await Deno.remove(new URL(name, DIST));
  }
  await Deno.writeTextFile(MADE_FROM, await fingerprint());
  const size = scripts.reduce((sum, { bytes }) => sum + gzipSync(bytes).length, 0);
  console.log(`Bundled ${scripts.length} scripts into dist/, ${size} bytes with gzip`);
}

/** A hash of all that the scripts are made from, and of the scripts. */
async function fingerprint(): Promise<string> {
  const hash = createHash("sha256").update(Deno.version.deno);
  for (const path of [...SOURCES, "dist/"]) {
    for (const file of await filesIn(new URL(path, PROJECT))) {
      hash.update(`\n${file.href.slice(PROJECT.href.length)}\n`).update(await Deno.readFile(file));
    }
  }
  return hash.digest("hex");
}

/** The files of a folder and below it, in one order; the file itself where it is none. */
async function filesIn(place: URL): Promise<URL[]> {
  if (!place.href.endsWith("/")) return [place];
  const found: URL[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(place)) {
      const inner = new URL(isDirectory ? `${name}/` : name, place);
      if (inner.href !== MADE_FROM.href) found.push(...await filesIn(inner));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return found.sort((one, other) => one.href < other.href ? -1 : 1);
}

async function read(file: URL): Promise<string | null> {
  return await Deno.readTextFile(file).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  });
}

async function bundle(entry: string, options: Partial<Deno.bundle.Options>) {
  const { success, errors, outputFiles = [] } = await Deno.bundle({
    entrypoints: [new URL(entry, PROJECT).pathname],
    outputDir: DIST.pathname,
    platform: "browser",
    minify: true,
    write: false,
    ...options,
  });
  if (!success) {
    for (const { text, location } of errors) {
      console.error(`${location?.file ?? entry}:${location?.line ?? 1}: ${text}`);
    }
    console.error(`The bundle of ${entry} failed; dist/ is as it was.`);
    Deno.exit(1);
  }
  return outputFiles.map(({ path, contents }) => ({
    name: path.slice(path.lastIndexOf("/") + 1),
    bytes: contents ?? new Uint8Array(0),
  }));
}

async function writeChanged(file: URL, bytes: Uint8Array): Promise<void> {
  const present = await Deno.readFile(file).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  });
  if (present === null || !equal(present, bytes)) await Deno.writeFile(file, bytes);
}

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}
