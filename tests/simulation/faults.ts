/** What may go wrong in a simulated world, each by its own likelihood. */
export interface Faults {
  /** A read fails. */
  readonly read_fails: number;
  /** A read is never answered. */
  readonly read_silent: number;
  /** A call of the store takes seconds. */
  readonly slow: number;
  /** A commit fails, and nothing was done. */
  readonly commit_fails: number;
  /** A commit is done, and its answer is an error. */
  readonly answer_lost: number;
  /** A commit is done and then tried again by the runtime, which hears that it was refused. */
  readonly repeated: number;
  /** A commit is never answered, done or not. */
  readonly commit_silent: number;
  /** A commit fails, and is done some seconds later all the same. */
  readonly lands_late: number;
  /** For some time the store takes no commit at all: it is full. A likelihood each ten seconds. */
  readonly full: number;
  /** A request does not arrive. */
  readonly request_lost: number;
  /** A request is done, and its answer does not arrive. */
  readonly response_lost: number;
  /** A node ends in the middle of whatever it does, and starts anew later. A likelihood each ten seconds. */
  readonly killed: number;
  /** A node's clock is set: by up to two minutes forwards or backwards. A likelihood each ten seconds. */
  readonly clock_set: number;
  /** A message of the queue is lost, comes twice, or comes late. */
  readonly message_lost: number;
  readonly message_doubled: number;
  readonly message_late: number;
  /** A server of others takes no connection. */
  readonly host_away: number;
  /** What was sent to one does not arrive, and the connection breaks. */
  readonly host_lost: number;
  /** Its answer ends at some byte. */
  readonly host_cut: number;
  /** It is done, and answered after seconds or minutes. */
  readonly host_late: number;
  /** It is done, and never answered. */
  readonly host_silent: number;
  /** It says that it is busy, and does nothing. */
  readonly host_busy: number;
  /** It answers what it should not: an error though it is done, twice, something else, too much. */
  readonly host_lies: number;
  /** It forgets a session, or takes an access token back before its time. */
  readonly host_forgets: number;
  /** The process that sent it something ends as that arrives. */
  readonly sender_killed: number;
}

/** A world in which nothing goes wrong. */
export const NO_FAULTS: Faults = {
  read_fails: 0,
  read_silent: 0,
  slow: 0,
  commit_fails: 0,
  answer_lost: 0,
  repeated: 0,
  commit_silent: 0,
  lands_late: 0,
  full: 0,
  request_lost: 0,
  response_lost: 0,
  killed: 0,
  clock_set: 0,
  message_lost: 0,
  message_doubled: 0,
  message_late: 0,
  host_away: 0,
  host_lost: 0,
  host_cut: 0,
  host_late: 0,
  host_silent: 0,
  host_busy: 0,
  host_lies: 0,
  host_forgets: 0,
  sender_killed: 0,
};

/** How likely each is in the worst world there is. */
export const WORST: Faults = {
  read_fails: 0.02,
  read_silent: 0.01,
  slow: 0.03,
  commit_fails: 0.05,
  answer_lost: 0.05,
  repeated: 0.05,
  commit_silent: 0.02,
  lands_late: 0.02,
  full: 0.1,
  request_lost: 0.03,
  response_lost: 0.05,
  killed: 0.3,
  clock_set: 0.4,
  message_lost: 0.2,
  message_doubled: 0.2,
  message_late: 0.3,
  host_away: 0.1,
  host_lost: 0.05,
  host_cut: 0.1,
  host_late: 0.1,
  host_silent: 0.05,
  host_busy: 0.1,
  host_lies: 0.3,
  host_forgets: 0.05,
  sender_killed: 0.05,
};

export type FaultName = keyof Faults;

export const FAULT_NAMES = Object.keys(NO_FAULTS) as FaultName[];
