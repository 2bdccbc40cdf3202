import { charSet, DIGIT, LETTER, type Scan, type Span } from "./scan.ts";

const LOCAL_MARKS = charSet("._%+-'");
const DOMAIN_MARKS = charSet(".-");
const LOCAL = (code: number) => LETTER(code) || DIGIT(code) || LOCAL_MARKS(code);
const DOMAIN = (code: number) => LETTER(code) || DIGIT(code) || DOMAIN_MARKS(code);
const COLON = charSet(":");

/** `wg-quick@wg0.service` names a systemd unit. None of these is a top-level domain. */
const UNIT_SUFFIXES: ReadonlySet<string> = new Set(
  ["service", "socket", "timer", "mount", "target", "slice", "scope"],
);

/** The domain at the head of `run`: labels up to the last one that can be a top-level domain. */
function domainOf(run: string): string | null {
  const labels = run.split("..", 1)[0]?.split(".") ?? [];
  while (labels.length >= 2 && !/^(?:\p{L}{2,}|xn--[a-z0-9-]+)$/iu.test(labels.at(-1) ?? "")) {
    labels.pop();
  }
  if (labels.length < 2 || labels.some((label) => !/^[\p{L}\d]/u.test(label))) return null;
  return labels.join(".");
}

/** `pkg@2.0.0-rc.beta` is a version, `logo@2x.png` a file, `web@blue.service` a unit. */
function isNoMailHost(domain: string): boolean {
  const suffix = domain.slice(domain.lastIndexOf(".") + 1).toLowerCase();
  return /^(?:\d+\.\d|\dx\.)/.test(domain) || UNIT_SUFFIXES.has(suffix);
}

function mailAround(scan: Scan, at: number): Span | null {
  const local = scan.slice(scan.runStart(at, LOCAL), at).replace(/^[.'%+-]+/, "");
  const runEnd = scan.runEnd(at + 1, DOMAIN);
  const run = scan.slice(at + 1, scan.runStart(runEnd, DOMAIN_MARKS, runEnd - at - 1));
  const domain = domainOf(run);
  if (local === "" || local.endsWith(".") || domain === null || isNoMailHost(domain)) return null;
  const end = at + 1 + domain.length;
  // git@host:path is an address of a repository, and names nobody.
  if (local === "git" && scan.is(end, COLON)) return null;
  return { start: at - local.length, end };
}

/**
 * E-mail addresses: a dot-atom (RFC 5322 section 3.2.3, without its rare marks) before the "@", and
 * a host name with a top-level domain after it; letters of every script. Quoted local parts and
 * address literals are not found.
 */
export function findEmails(scan: Scan): Span[] {
  const found: Span[] = [];
  for (let at = scan.find("@", 0); at >= 0; at = scan.find("@", at + 1)) {
    const mail = mailAround(scan, at);
    // Two "@" can share a host: what was found before stays.
    if (mail !== null && mail.start >= (found.at(-1)?.end ?? 0)) found.push(mail);
  }
  return found;
}
