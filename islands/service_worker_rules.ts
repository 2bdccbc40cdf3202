/** What a push message shows, and where a click on it leads: a path of this site. */
export interface Notice {
  readonly title: string;
  readonly body: string;
  readonly url: string;
  readonly tag: string;
}

/**
 * The caches. Only what says nothing of anybody is ever kept: files of a build, and pages that are the
 * same for everybody. Pages of members and answers of the API never are.
 */
export const BUILT_FILES = "built files";

export const OFFLINE = "offline";

/** A file of a build: its URL holds the build's hash, so its content never changes. */
const BUILT_FILE = /^\/assets\/([0-9a-f]{16})\/[^/]+$/;

/** The build whose file a URL names; null for a page, the API, and every other origin. */
export function buildOf(url: string, origin: string): string | null {
  const parsed = URL.parse(url);
  if (parsed === null || !isOf(parsed, origin)) return null;
  return BUILT_FILE.exec(parsed.pathname)?.[1] ?? null;
}

/**
 * Reads the payload of a push message. A browser withdraws the permission to push from who receives
 * a message and shows nothing, so one that cannot be read still gives a notice.
 */
export function readNotice(payload: string, origin: string): Notice {
  const { title, body, url, tag } = membersOf(payload);
  return {
    title: textOr(title, "Countersign"),
    body: textOr(body, "Something waits for you."),
    url: ownUrl(textOr(url, "/"), origin),
    tag: textOr(tag, "countersign"),
  };
}

/** A URL of this site as it is; the start page in place of any other. */
export function ownUrl(url: string, origin: string): string {
  const parsed = URL.parse(url, origin);
  return parsed !== null && isOf(parsed, origin) ? parsed.href : `${origin}/`;
}

/** By scheme and host: a `blob:` URL names our origin too, and is no page of ours. */
function isOf({ protocol, host }: URL, origin: string): boolean {
  return `${protocol}//${host}` === origin;
}

function membersOf(payload: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(payload);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === "string" && value !== "" ? value : otherwise;
}
