import type { Deps } from "../deps.ts";
import { StrangerFetchFailed } from "../net/stranger_fetch.ts";
import { commitOnce } from "../store/commit.ts";
import { oauthDocumentKey } from "../store/keys.ts";
import { readRecord, storeError, type Versioned } from "../store/kv.ts";
import { type OAuthDocument, oauthDocument } from "../store/records/oauth_document.ts";
import type { FoundClient, MetadataDocuments } from "./client.ts";
import {
  type ClientDocument,
  type DocumentProblem,
  documentUrlProblem,
  isJsonType,
  MAX_DOCUMENT,
  readClientDocument,
} from "./client_document.ts";
import { freshFor } from "./document_freshness.ts";
import { DocumentLimits } from "./document_limits.ts";

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
