import { z } from "zod";
import { taskCommand } from "../../lib/settings/operator_console.ts";
import { type AssetFile, type Build, readBuild } from "../asset_files.ts";
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
