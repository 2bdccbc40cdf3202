import type { StrangerFetch, StrangerRequest } from "../../lib/deps.ts";
import { type StrangerFailure, StrangerFetchFailed } from "../../lib/outside/http_answer.ts";

/** What one URL answers. */
export interface Site {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** As JSON, unless it is a text. */
  readonly body?: unknown;
}

/** The internet as far as a test says what it answers; all else cannot be reached. */
export class StrangerSites {
  readonly asked: StrangerRequest[] = [];
  readonly #sites = new Map<string, Site | StrangerFailure>();
  /** Runs before each answer. */
  before: () => Promise<void> = () => Promise.resolve();

  answer(url: string, site: Site | StrangerFailure): void {
    this.#sites.set(url, site);
  }

  readonly fetch: StrangerFetch = async (request) => {
    this.asked.push(request);
    await this.before();
    const site = this.#sites.get(request.url) ?? "unreachable";
    if (typeof site === "string") throw new StrangerFetchFailed(site, `It is ${site}.`);
    const head = {
      status: site.status ?? 200,
      headers: new Headers({ "content-type": "application/json", ...site.headers }),
    };
    const text = typeof site.body === "string" ? site.body : JSON.stringify(site.body ?? {});
    return { ...head, body: request.bodyWanted(head) ? new TextEncoder().encode(text) : null };
  };
}
