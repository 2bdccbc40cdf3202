import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { z } from "zod";
import { taskCommand } from "../../lib/store/system.ts";
import { securityHeaders } from "./headers.ts";
import { SurfaceRefusal } from "./problem_document.ts";
import { open, type Route } from "./route.ts";

const FOLDERS = [
  new URL("../../static/", import.meta.url),
  new URL("../../dist/", import.meta.url),
];

const LOADER = "client.js";

/** Its URL changes with its content. */
const IMMUTABLE = "public, max-age=31536000, immutable";

/** Kept, and asked for again each time: an unchanged file costs a 304. */
const REVALIDATED = "no-cache";

let read: Build | null = null;

/** The files of `static/` and `dist/`, read when they are first asked for and never again. */
function build(): Build {
  return read ??= readBuild(FOLDERS);
}

/** The URL of a file of `static/` or `dist/`, which a browser may keep for ever. */
export function assetUrl(name: string): string {
  return `/assets/${build().hash}/${name}`;
}

/** What to do when the browser's scripts were not bundled; null when they are there. */
export function missingBundle(): string | null {
  if (build().files.has(LOADER)) return null;
  return `dist/${LOADER} is missing, so pages come without their scripts. Run ` +
    `\`${taskCommand("client")}\`, then start again. The API needs none of it.`;
}

/** The routes of the files that pages and browsers ask for. */
export const assetRoutes: readonly Route[] = [
  asset("/assets/:build/:name", z.object({ build: z.string(), name: z.string() }), (params) => {
    const found = params.build === build().hash ? build().files.get(params.name) : undefined;
    return found && { file: found, caching: IMMUTABLE };
  }),
  // For what a static file names, which cannot know the hash: icons, the offline page.
  asset("/assets/:name", z.object({ name: z.string() }), (params) => named(params.name)),
  asset("/manifest.webmanifest", z.object({}), () => named("manifest.webmanifest")),
  asset("/favicon.ico", z.object({}), () => named("icon.svg")),
  asset("/service_worker.js", z.object({}), () => named("service_worker.js"), {
    "service-worker-allowed": "/",
    // A worker has the policy of its own script: it may ask this site, and run nothing else.
    "content-security-policy": "default-src 'none'; connect-src 'self'",
  }),
];

interface Found {
  readonly file: AssetFile;
  readonly caching: string;
}

function named(name: string): Found | undefined {
  const file = build().files.get(name);
  return file && { file, caching: REVALIDATED };
}

function asset<P extends z.ZodType>(
  path: string,
  params: P,
  find: (params: z.output<P>) => Found | undefined,
  headers: Record<string, string> = {},
): Route {
  return open({
    method: "get",
    path,
    group: "Files",
    summary: "A file that pages use",
    answers: { 200: null },
    params,
    handle({ services, request, params }) {
      const found = find(params as z.output<P>);
      if (found === undefined) {
        throw new SurfaceRefusal("route_not_found", {
          path: new URL(request.url).pathname,
          close: [],
        });
      }
      return respondWith(found, request.headers, {
        ...securityHeaders(services.settings.url),
        ...headers,
      });
    },
  });
}

/** RFC 9110: a strong ETag for each representation, and 304 for whoever holds it. */
function respondWith(
  { file, caching }: Found,
  asked: Headers,
  headers: Record<string, string>,
): Response {
  const zipped = file.gzip !== null && acceptsGzip(asked.get("accept-encoding") ?? "");
  const etag = zipped ? `"${file.hash}-gzip"` : `"${file.hash}"`;
  const about = { ...headers, etag, "cache-control": caching, vary: "accept-encoding" };
  if (holds(asked.get("if-none-match") ?? "", etag)) {
    return new Response(null, { status: 304, headers: about });
  }
  return new Response(zipped ? file.gzip : file.bytes, {
    headers: {
      ...about,
      "content-type": file.type,
      ...(zipped ? { "content-encoding": "gzip" } : {}),
    },
  });
}

/** RFC 9110 section 12.5.3; a weight of 0 refuses. */
function acceptsGzip(acceptEncoding: string): boolean {
  return acceptEncoding.split(",").some((part) => {
    const [coding = "", weight = ""] = part.toLowerCase().split(";").map((piece) => piece.trim());
    return coding === "gzip" && !/^q=0(\.0*)?$/.test(weight);
  });
}

/** RFC 9110 section 13.1.2: compared weakly, since a proxy that compresses weakens the tag. */
function holds(ifNoneMatch: string, etag: string): boolean {
  return ifNoneMatch.split(",").some((one) => {
    const tag = one.trim();
    return tag === "*" || tag === etag || tag === `W/${etag}`;
  });
}

/** A file that the browser gets as it is, held in memory. */
interface AssetFile {
  readonly name: string;
  readonly type: string;
  /** The SHA-256 of the content, in hexadecimal digits. */
  readonly hash: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same with gzip; null where that saves nothing, as with images. */
  readonly gzip: Uint8Array<ArrayBuffer> | null;
}

/** All files of a build, read once. */
interface Build {
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
