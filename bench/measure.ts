/** What the load generator is to do. */
export interface Load {
  readonly port: number;
  readonly connections: number;
  /** How long is asked before anything is measured. */
  readonly warmUpSeconds: number;
  readonly seconds: number;
  /** Whole requests, head and body, asked in turn. */
  readonly requests: readonly string[];
  /** Into so many equal parts the requests are cut, of which each connection keeps to one; else 1. */
  readonly parts?: number;
  /** Each request is sent once at most, whatever the time left. */
  readonly once?: boolean;
  /** The member of the answers, a string, that is kept. */
  readonly keep?: string;
}

/** What came of it. Times are milliseconds. */
export interface Measured {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** Answers other than 200 and 201, and the first of them as it came. */
  readonly failed: number;
  readonly firstFailure?: string;
  /** Share of one processor that the load generator used: at 1 it may be what was measured. */
  readonly generatorBusy: number;
  /** What was to be kept of the answers, each with the place of its request. */
  readonly kept?: readonly (readonly [request: number, value: string])[];
}
