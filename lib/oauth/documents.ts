import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { parseStrictJson } from "../base/strict_json.ts";
import { decodeUtf8 } from "../base/text.ts";
import type { Deps } from "../deps.ts";
import { hostProblem } from "../outside/addresses.ts";
import { StrangerFetchFailed } from "../outside/http_answer.ts";
import type { FoundClient, MetadataDocuments } from "../services.ts";
import { oauthDocumentKey } from "../store/keys.ts";
import { commitOnce, readRecord, storeError, type Versioned } from "../store/kv.ts";
import { type OAuthDocument, oauthDocument } from "../store/records/oauth.ts";
import { isAllowedRedirectUri } from "./redirect_uri.ts";
import { nameOf } from "./register.ts";

/** How long one fetch may take. */
const FETCH_LIMIT_MS = 5000;

/** How long a copy serves while the document cannot be fetched, from when it was fetched. */
export const KEPT_MS = 7 * 24 * 60 * 60 * 1000;

/** How long a failure stands before the document is asked for again. */
export const FAILURE_MS = 30_000;

type Refused = Extract<FoundClient, { refused: string }>;

/** `failed` says nothing about the document; `bad` is what the document itself says. */
type Fetched =
  | { readonly outcome: "good"; readonly document: ClientDocument; readonly fresh_ms: number }
  | { readonly outcome: "bad"; readonly why: string }
  | { readonly outcome: "failed"; readonly why: string };

/**
 * Clients whose id is the URL of a document about them (draft-ietf-oauth-client-id-metadata-document).
 *
 * A document is kept in the store for as long as it says, within 5 minutes and a day. When it cannot
 * be fetched then, the copy serves for up to 7 days, for such documents have had outages; when it
 * was fetched and is not acceptable, or its host says that it is gone, the copy is dropped: its host
 * may have taken an address out of it. A failure stands for half a minute.
 */
export class FetchedDocuments implements MetadataDocuments {
  readonly #underWay = new Map<string, Promise<FoundClient>>();
  readonly #failures = new Map<string, { readonly until: number; readonly refused: Refused }>();
  readonly #limits = new DocumentLimits();

  constructor(readonly deps: Pick<Deps, "kv" | "log" | "now" | "random" | "strangers" | "timer">) {}

  /** The client of a URL; those who ask at the same time wait for one fetch. @throws {StoreUnavailable} */
  async get(client_id: string): Promise<FoundClient> {
    const problem = documentUrlProblem(client_id);
    if (problem !== null) {
      const why = `The program that sent you names itself by an address that ${problem}.`;
      return { refused: "document_not_accepted", why };
    }
    const underWay = this.#underWay.get(client_id);
    if (underWay !== undefined) return await underWay;
    const finding = this.#find(client_id).finally(() => this.#underWay.delete(client_id));
    this.#underWay.set(client_id, finding);
    return await finding;
  }

  async #find(url: string): Promise<FoundClient> {
    const { deps } = this;
    const kept = await readRecord(deps.kv, oauthDocumentKey(url), oauthDocument);
    const now = deps.now();
    if (kept !== null && kept.value.fetched_at <= now && now < kept.value.fresh_until) {
      return found(url, kept.value);
    }
    const usable = kept !== null && now < kept.value.expires_at ? kept.value : null;
    const failure = this.#failure(url, now);
    if (failure !== null) return usable === null ? failure : found(url, usable);
    const host = new URL(url).host;
    if (!this.#limits.take(host, { known: usable !== null, now })) {
      if (usable !== null) return found(url, usable);
      const why = "Many programs that are not known here named themselves in a short time. " +
        "Try again later.";
      return { refused: "document_unreachable", why };
    }
    const fetched = await this.#fetch(url);
    if (fetched.outcome === "good") {
      const document = asRecord(fetched, deps.now());
      await this.#keep(url, kept, document);
      return found(url, document);
    }
    const refused: Refused = {
      refused: fetched.outcome === "bad" ? "document_not_accepted" : "document_unreachable",
      why: fetched.why,
    };
    this.#failures.set(url, { until: deps.now() + FAILURE_MS, refused });
    if (fetched.outcome === "bad") {
      if (kept !== null) await this.#keep(url, kept, null);
      return refused;
    }
    if (usable === null) return refused;
    deps.log("warn", "A client's document cannot be fetched; the copy of it serves", {
      host,
      fetched_at: new Date(usable.fetched_at).toISOString(),
    });
    return found(url, usable);
  }

  #failure(url: string, now: number): Refused | null {
    for (const [key, { until }] of this.#failures) {
      // Also one from a time to come: the clock was set back.
      if (until <= now || until > now + FAILURE_MS) this.#failures.delete(key);
    }
    return this.#failures.get(url)?.refused ?? null;
  }

  async #fetch(url: string): Promise<Fetched> {
    const host = new URL(url).host;
    const failed = (what: string): Fetched => ({
      outcome: "failed",
      why: `The document of the program that sent you cannot be read: ${what} Try again later.`,
    });
    const bad = ({ problem }: DocumentProblem): Fetched => ({
      outcome: "bad",
      why: `The document of the program that sent you, at ${host}, ${problem}.`,
    });
    try {
      const { status, headers, body } = await this.deps.strangers({
        url,
        method: "GET",
        headers: { accept: "application/json" },
        limit_ms: FETCH_LIMIT_MS,
        max_body: MAX_DOCUMENT,
        bodyWanted: ({ status, headers }) =>
          status === 200 && isJsonType(headers.get("content-type")),
      });
      if (status === 410) return bad({ problem: "is gone" });
      if (status !== 200) return failed(`${host} answered ${status}.`);
      if (body === null) return failed(`${host} answered with something that is not JSON.`);
      const document = readClientDocument(url, body);
      if ("problem" in document) return bad(document);
      return { outcome: "good", document, fresh_ms: freshFor(headers) };
    } catch (error) {
      if (!(error instanceof StrangerFetchFailed)) throw error;
      if (error.code === "answer_too_large") {
        return bad({ problem: `is larger than ${MAX_DOCUMENT} bytes` });
      }
      return failed(error.message);
    }
  }

  /** Puts a document, or nothing, in the place of what was read; whoever was faster stays. */
  async #keep(
    url: string,
    before: Versioned<OAuthDocument> | null,
    document: OAuthDocument | null,
  ): Promise<void> {
    const key = oauthDocumentKey(url);
    const commit = this.deps.kv.atomic()
      .check({ key, versionstamp: before?.versionstamp ?? null });
    if (document === null) commit.delete(key);
    else commit.set(key, document, { expireIn: document.expires_at - document.fetched_at });
    try {
      await commitOnce(this.deps, commit);
    } catch (error) {
      throw storeError(error);
    }
  }
}

function asRecord(
  { document, fresh_ms }: Extract<Fetched, { outcome: "good" }>,
  now: number,
): OAuthDocument {
  return {
    name: document.name,
    redirect_uris: [...document.redirect_uris],
    fetched_at: now,
    fresh_until: now + fresh_ms,
    expires_at: now + KEPT_MS,
  };
}

function found(url: string, { name, redirect_uris }: OAuthDocument): FoundClient {
  const host = new URL(url).host;
  return { client: { id: url, kind: "metadata_document", name, redirect_uris, host } };
}

/** Most bytes of a document. */
const MAX_DOCUMENT = 10 * 1024;

const MAX_REDIRECT_URIS = 50;

const MAX_DEPTH = 8;

/** What of a client's document counts here. */
interface ClientDocument {
  readonly name: string;
  /** As declared, in their order; the allowed ones, at least one. */
  readonly redirect_uris: readonly string[];
}

/** Why a document is not taken, as the end of a sentence about it. */
interface DocumentProblem {
  readonly problem: string;
}

/**
 * Why a text cannot be the address of a client's document, or null; it completes a sentence that
 * begins with the address. Besides what holds for every URL of a stranger it has a path, and is
 * written in the one way that every program writes it: `..`, another case, a port that goes without
 * saying or letters outside of ASCII would let two ids mean one document.
 */
export function documentUrlProblem(client_id: string): string | null {
  const problem = hostProblem(client_id);
  if (problem !== null) return problem.says;
  const { href, pathname } = new URL(client_id);
  if (pathname === "/") return "has no path";
  if (href !== client_id) return `is another way to write ${href}`;
  return null;
}

/** Whether a content type is JSON's (RFC 8259 section 11, RFC 6839 section 3.1). */
export function isJsonType(contentType: string | null): boolean {
  return /^application\/([a-z0-9!#$&^_.-]+\+)?json[\t ]*(;|$)/i.test(contentType ?? "");
}

/**
 * Reads a client's document. Members that are not named here are ignored: none of them could give
 * the client more than it has without them, and pictures from elsewhere are not shown.
 */
export function readClientDocument(
  client_id: string,
  bytes: Uint8Array,
): ClientDocument | DocumentProblem {
  const text = decodeUtf8(bytes);
  if (!text.ok) return { problem: "is not UTF-8" };
  const json = parseStrictJson(text.text, { maxDepth: MAX_DEPTH });
  if (!json.ok) return { problem: "is not JSON that every reader understands in the same way" };
  if (!isJsonObject(json.value)) return { problem: "is not a JSON object" };
  const document = new Map(Object.entries(json.value));
  // Whoever can put a file on a host could otherwise speak for another client.
  if (document.get("client_id") !== client_id) return { problem: "is of another client_id" };
  const secret = secretProblem(document);
  if (secret !== null) return { problem: secret };
  const name = document.get("client_name");
  if (typeof name !== "string" || name.trim() === "") return { problem: "has no client_name" };
  const uris = document.get("redirect_uris");
  if (!isTextList(uris) || uris.length === 0 || uris.length > MAX_REDIRECT_URIS) {
    return { problem: `does not list 1 to ${MAX_REDIRECT_URIS} redirect_uris` };
  }
  const redirect_uris = uris.filter(isAllowedRedirectUri);
  if (redirect_uris.length === 0) {
    return { problem: "names no redirect address to which an answer may go" };
  }
  return { name: nameOf(name), redirect_uris };
}

/** A client that proves itself by more than its addresses expects that somebody checks it. */
function secretProblem(document: ReadonlyMap<string, JsonValue>): string | null {
  if (document.has("client_secret")) return "holds a client_secret, which everybody can read";
  const method = document.get("token_endpoint_auth_method");
  if (method === undefined || method === "none") return null;
  if (method === "private_key_jwt") {
    return "asks for private_key_jwt, which this server does not check; it takes none";
  }
  return "asks for a token_endpoint_auth_method that a public client cannot have; none is taken";
}

function isTextList(value: JsonObject[string] | undefined): value is string[] {
  return Array.isArray(value) && value.every((element) => typeof element === "string");
}

const MINUTE_MS = 60_000;

const HOUR_MS = 60 * MINUTE_MS;

/** However short a document says it lives: else whoever opens a page causes a fetch. */
const MIN_FRESH_MS = 5 * MINUTE_MS;

/** However long: a redirect address that was taken out must not be good for ever. */
const MAX_FRESH_MS = 24 * HOUR_MS;

const DEFAULT_FRESH_MS = HOUR_MS;

/** For how many milliseconds an answer is not asked for again (RFC 9111 sections 4.2 and 5.2.2). */
export function freshFor(headers: Headers): number {
  const directives = (headers.get("cache-control") ?? "").toLowerCase().split(",")
    .map((directive) => directive.trim());
  if (directives.some((one) => /^(no-store|no-cache)(=|$)/.test(one))) return MIN_FRESH_MS;
  const ages = directives.flatMap((one) => /^max-age="?([0-9]{1,10})"?$/.exec(one)?.[1] ?? []);
  if (ages.length === 0) return DEFAULT_FRESH_MS;
  const spent = /^[0-9]{1,10}$/.exec(headers.get("age") ?? "")?.[0] ?? "0";
  const left = (Math.min(...ages.map(Number)) - Number(spent)) * 1000;
  return Math.min(Math.max(left, MIN_FRESH_MS), MAX_FRESH_MS);
}

/** Fetches from one host within a minute. */
export const FETCHES_A_HOST = 10;

/** Hosts of documents that are not known here, within an hour. */
export const NEW_HOSTS = 60;

/**
 * How often this process fetches documents, whoever asks: what strangers write into a link must not
 * make it knock at many doors, or often at one. Documents that are known have no part in the bound
 * on new hosts, so using it up keeps no client out that was in before.
 */
export class DocumentLimits {
  readonly #hosts = new Map<string, number[]>();
  readonly #newHosts = new Map<string, number>();

  /** Counts one fetch at `now`, milliseconds; false when it must not be made. */
  take(host: string, options: { readonly known: boolean; readonly now: number }): boolean {
    const { known, now } = options;
    this.#forget(now);
    const times = this.#hosts.get(host) ?? [];
    if (times.length >= FETCHES_A_HOST) return false;
    if (!known && !this.#newHosts.has(host)) {
      if (this.#newHosts.size >= NEW_HOSTS) return false;
      this.#newHosts.set(host, now);
    }
    this.#hosts.set(host, [...times, now]);
    return true;
  }

  #forget(now: number): void {
    for (const [host, times] of this.#hosts) {
      const left = times.filter((at) => at <= now && now - at < MINUTE_MS);
      if (left.length === 0) this.#hosts.delete(host);
      else this.#hosts.set(host, left);
    }
    for (const [host, at] of this.#newHosts) {
      if (at > now || now - at >= HOUR_MS) this.#newHosts.delete(host);
    }
  }
}
