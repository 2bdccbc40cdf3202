/**
 * Bundles what runs in the browser into `dist/`: the islands' loader, from which the bundler reaches
 * every island of `islands/manifest.ts`, and the service worker as one classic script. Files that
 * would not change are left alone, so that a server beside it restarts only for a reason.
 */
import { gzipSync } from "node:zlib";

const PROJECT = new URL("../", import.meta.url);
const DIST = new URL("dist/", PROJECT);

const scripts = [
  ...await bundle("islands/client.ts", { format: "esm", codeSplitting: true }),
  ...await bundle("islands/service_worker.ts", { format: "iife" }),
];
await Deno.mkdir(DIST, { recursive: true });
for (const { name, bytes } of scripts) await writeChanged(new URL(name, DIST), bytes);
for await (const { name } of Deno.readDir(DIST)) {
  if (!scripts.some((script) => script.name === name)) await Deno.remove(new URL(name, DIST));
}
const size = scripts.reduce((sum, { bytes }) => sum + gzipSync(bytes).length, 0);
console.log(`Bundled ${scripts.length} scripts into dist/, ${size} bytes with gzip`);

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
