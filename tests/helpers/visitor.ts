import type { MemberRecord } from "../../lib/store/records/identity.ts";
import type { SignedIn, SignedInOptions, TestOrg } from "./countersign.ts";
import { textOf } from "./page_html.ts";

/** A page as a browser gets it. */
export interface GotPage {
  readonly status: number;
  readonly html: string;
  /** What one reads: the text without tags, in one line. */
  readonly text: string;
  /** Path and query that it leads to; null when it leads nowhere. */
  readonly to: string | null;
  /** What the page after that says was done. */
  readonly notice: string | null;
}

type Fields = Readonly<Record<string, string | readonly string[]>>;

/** Somebody signed in, who looks at pages and sends their forms. */
export class Visitor {
  constructor(readonly org: TestOrg, readonly session: SignedIn) {}

  static async of(
    org: TestOrg,
    role: MemberRecord["role"],
    options: SignedInOptions = {},
  ): Promise<Visitor> {
    return new Visitor(org, await org.signedIn(role, options));
  }

  get(path: string): Promise<GotPage> {
    return this.#request(path, { method: "GET" });
  }

  /** Sends the form that does `name`. */
  send(path: string, name: string, fields: Fields = {}): Promise<GotPage> {
    const body = new URLSearchParams({ do: name });
    for (const [field, value] of Object.entries(fields)) {
      for (const one of typeof value === "string" ? [value] : value) body.append(field, one);
    }
    return this.#request(path, { method: "POST", body });
  }

  async #request(path: string, init: RequestInit): Promise<GotPage> {
    const { origin } = this.org.countersign;
    const response = await fetch(origin + path, {
      ...init,
      redirect: "manual",
      headers: {
        accept: "text/html",
        origin,
        cookie: `countersign_session=${this.session.secret}`,
      },
    });
    const html = await response.text();
    const cookies = response.headers.getSetCookie();
    const notice = cookies.find((cookie) => cookie.includes("notice="));
    return {
      status: response.status,
      html,
      text: textOf(html),
      to: response.headers.get("location"),
      notice: notice === undefined ? null : noticeOf(notice),
    };
  }
}

function noticeOf(cookie: string): string {
  const value = cookie.slice(cookie.indexOf("=") + 1).split(";")[0] ?? "";
  return decodeURIComponent(value);
}

/** Text that would run as script, were it taken for HTML, and text that would mislead the eye. */
export const HOSTILE = {
  markup: `<img src=x onerror="globalThis.ran=1">`,
  bidi: "safe\u202Egnp.exe",
} as const;
