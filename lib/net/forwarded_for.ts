import type { LogLine } from "../deps.ts";

/** The longest address that is taken from a header. */
const MAX_CHARACTERS = 64;

/** Reads who a request was forwarded for, as far as the operator trusts who says so. */
export class ForwardedFor {
  #isIgnored = false;

  /** @param proxies how many proxies stand before this process; each appends whom it got it from */
  constructor(readonly proxies: number, readonly log: LogLine) {}

  /** Whether some request came through a proxy that the settings do not know of. */
  get isIgnored(): boolean {
    return this.#isIgnored;
  }

  /**
   * The client by `X-Forwarded-For`: counted from the right, for what stands further left was sent by
   * the client. Null where nothing is trusted, or fewer proxies than there are have written it.
   */
  client(header: string | null): string | null {
    if (header === null) return null;
    if (this.proxies === 0) {
      this.#ignored();
      return null;
    }
    const address = header.split(",").at(-this.proxies)?.trim();
    return address ? address.slice(0, MAX_CHARACTERS) : null;
  }

  #ignored(): void {
    if (this.#isIgnored) return;
    this.#isIgnored = true;
    this.log(
      "warn",
      "X-Forwarded-For is ignored: behind a proxy all clients count as one. Set " +
        "COUNTERSIGN_TRUSTED_PROXY to the number of proxies; without one somebody makes it up",
    );
  }
}
