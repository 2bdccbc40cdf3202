/** The keys of computers that are let in at their terminals. */

/** One that waits, by the hash of its device code. Sealed. */
export const deviceLoginKey = (hash: string) => ["device_login", hash] as const;

/** The code that a person types, by its MAC: too short to be kept as a bare hash. */
export const deviceUserCodeKey = (mac: string) => ["device_user_code", mac] as const;

/** Times of requests, by the MAC of where they came from, or of all. */
export const deviceRequestsKey = (source: string) => ["device_requests", source] as const;

/** Wrong codes that a person typed. */
export const deviceTriesKey = (account: string) => ["device_tries", account] as const;
