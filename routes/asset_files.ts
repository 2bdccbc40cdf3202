import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";

/** A file that the browser gets as it is, held in memory. */
export interface AssetFile {
  readonly name: string;
  readonly type: string;
  /** The SHA-256 of the content, in hexadecimal digits. */
  readonly hash: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same with gzip; null where that saves nothing, as with images. */
  readonly gzip: Uint8Array<ArrayBuffer> | null;
}

/** All files of a build, read once. */
export interface Build {
  /** 16 hexadecimal digits that change when any file does. */
  readonly hash: string;
  readonly files: ReadonlyMap<string, AssetFile>;
}

const TEXT_TYPES: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  json: "application/json",
  svg: "image/svg+xml",
  txt: "text/plain; charset=utf-8",
  webmanifest: "application/manifest+json",
};

const BINARY_TYPES: Readonly<Record<string, string>> = { png: "image/png", woff2: "font/woff2" };

/**
 * Reads every file of these folders into memory. A folder that is absent, or that the process may
 * not read, counts as empty. @throws for two files of one name, and for one of an unknown type
 */
export function readBuild(folders: readonly URL[]): Build {
  const files = new Map<string, AssetFile>();
  for (const folder of folders) {
    for (const name of namesIn(folder)) {
      if (files.has(name)) throw new Error(`Two files are named ${name}; the second: ${folder}`);
      files.set(name, assetFile(name, Deno.readFileSync(new URL(name, folder))));
    }
  }
  return { hash: hashOf(files), files };
}

/** A file ready to be served. @throws when the ending of its name stands for no known type */
export function assetFile(name: string, bytes: Uint8Array<ArrayBuffer>): AssetFile {
  const ending = name.slice(name.lastIndexOf(".") + 1);
  const textType = TEXT_TYPES[ending];
  const type = textType ?? BINARY_TYPES[ending];
  if (type === undefined) {
    throw new Error(
      `${name} has no known media type: give the ending .${ending} one in TEXT_TYPES`,
    );
  }
  const hash = createHash("sha256").update(bytes).digest("hex");
  const gzip = textType === undefined ? null : new Uint8Array(gzipSync(bytes, { level: 9 }));
  const smaller = gzip !== null && gzip.length < bytes.length;
  return { name, type, hash, bytes, gzip: smaller ? gzip : null };
}

/** The name of a build: it depends on every name and every byte, and on nothing else. */
function hashOf(files: ReadonlyMap<string, AssetFile>): string {
  const hash = createHash("sha256");
  for (const name of [...files.keys()].sort()) hash.update(`${name} ${files.get(name)?.hash}\n`);
  return hash.digest("hex").slice(0, 16);
}

function namesIn(folder: URL): string[] {
  try {
    const files = [...Deno.readDirSync(folder)].filter(({ isFile }) => isFile);
    // A name that begins with a dot is for who made the folder.
    return files.map(({ name }) => name).filter((name) => !name.startsWith("."));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotCapable) return [];
    throw error;
  }
}
