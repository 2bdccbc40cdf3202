const MINUTE_MS = 60_000;

const HOUR_MS = 60 * MINUTE_MS;

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
