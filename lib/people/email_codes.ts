import { z } from "zod";
import type { JsonObject } from "../base/json.ts";
import type { Deps } from "../deps.ts";
import type { Client } from "../identity/caller.ts";
import { secretHash } from "../identity/credentials.ts";
import { isWithin, stillLasts } from "../ledger/clock.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import {
  invalidRequest,
  recorded,
  type RecordedRefusal,
  Refusal,
  type RefusalCode,
} from "../refusal.ts";
import type { Services } from "../services.ts";
import { emailCodeKey, emailCodeLimitKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import {
  type CodePurpose,
  type EmailCodeLimit,
  emailCodeLimit,
  type EmailCodeRecord,
  emailCodeRecord,
} from "../store/records/people.ts";
import { flowBound } from "./ceremonies.ts";

/**
 * Six digits in a mail: what shows that an address is somebody's, and nothing more. A code is
 * bound to the browser that asked, kept as an HMAC, and of few tries; and whether there is an
 * account under the address shows in no answer.
 */

/** How long a code counts, milliseconds. */
export const CODE_MS = 5 * 60 * 1000;

/** Wrong tries after which a code is void. */
export const TRIES_A_CODE = 5;

const HOUR = 60 * 60 * 1000;

const DAY = 24 * HOUR;

/** Of an address, whether or not it is anybody's here. */
export const CODES_AN_HOUR = 5;

export const FAILURES_A_DAY = 20;

const CODES = 1_000_000;

const DIGITS = 6;

/** Whose code it is, and what for. */
interface CodeQuestion {
  readonly purpose: CodePurpose;
  /** The secret of the browser's cookie: a code counts only where it was asked for. */
  readonly flow: string;
}

/** A code that was asked for. */
interface AskedCode {
  /** Null where none is to be known to anybody: everything but the mail is as with one. */
  readonly code: string | null;
  readonly expires_at: number;
}

/** What is known of codes of an address. */
interface LoadedLimit {
  readonly email: string;
  readonly limit: EmailCodeLimit;
}

/** A code as it was read, and the limits of its address. */
interface LoadedCode {
  readonly question: CodeQuestion;
  readonly record: EmailCodeRecord | null;
  readonly limit: LoadedLimit | null;
}

/** @param email in lower case */
export async function loadCodeLimit(reader: Reader, email: string): Promise<LoadedLimit> {
  const row = await reader.get(emailCodeLimitKey(secretHash(email)), emailCodeLimit);
  return { email, limit: row?.value ?? { sent: [], failed: [] } };
}

/**
 * Makes a code for an address, in place of the one that this browser asked for before. The caller
 * mails it once the commit stands.
 * @param counts false where the code is to open nothing: every step takes as long, and looks the same
 * @throws {Refusal} too_many_codes
 */
export function askCode(
  transaction: Transaction,
  { purpose, flow }: CodeQuestion,
  loaded: LoadedLimit,
  { data, counts }: { readonly data: JsonObject; readonly counts: boolean },
): AskedCode {
  const { now, deps } = transaction;
  const { email } = loaded;
  const limit = current(loaded.limit, now);
  assertWithin(limit.sent, CODES_AN_HOUR, HOUR, now);
  assertWithin(limit.failed, FAILURES_A_DAY, DAY, now);
  const code = makeCode(deps);
  const mac = deps.sealer.mac(purpose, macText(flow, email, code));
  const expires_at = now + CODE_MS;
  const record: EmailCodeRecord = {
    email,
    mac: counts ? mac : new Uint8Array(deps.random(mac.length)),
    tries_left: TRIES_A_CODE,
    data,
    expires_at,
  };
  transaction.set(emailCodeKey(purpose, flowBound(flow)), record, { expireIn: CODE_MS });
  storeLimit(transaction, email, { ...limit, sent: [...limit.sent, now] });
  return { code: counts ? code : null, expires_at };
}

/** Reads the code that this browser asked for; the commit checks that it stays as it was read. */
export async function loadCode(reader: Reader, question: CodeQuestion): Promise<LoadedCode> {
  const key = emailCodeKey(question.purpose, flowBound(question.flow));
  const record = (await reader.get(key, emailCodeRecord))?.value ?? null;
  const limit = record === null ? null : await loadCodeLimit(reader, record.email);
  return { question, record, limit };
}

/** That a code is on its way, if there was one to send. */
export interface CodeSent {
  readonly to: string;
  /** Milliseconds since 1970. */
  readonly expires_at: number;
  /** False where the operator sees it on the console of the server instead. */
  readonly mailed: boolean;
}

/** The code that a browser asked for and may still type; null when there is none. */
export async function openCode(
  { deps }: Pick<Services, "deps">,
  { purpose, flow }: { readonly purpose: CodePurpose; readonly flow: string },
  isMeant: (data: JsonObject) => boolean,
): Promise<CodeSent | null> {
  const key = emailCodeKey(purpose, flowBound(flow));
  const code = (await readRecord(deps.kv, key, emailCodeRecord))?.value;
  if (
    code === undefined || !stillLasts(code.expires_at, CODE_MS, deps.now()) || !isMeant(code.data)
  ) return null;
  return { to: code.email, expires_at: code.expires_at, mailed: deps.mail.configured };
}

/**
 * Compares what somebody typed with their code, which a right answer uses up. A wrong one is counted
 * by the same commit, under a check of the code and the counts: of parallel tries no more are
 * answered than there may be. So a wrong answer is given back recorded.
 */
export function tryCode(
  transaction: Transaction,
  { question, record, limit: loaded }: LoadedCode,
  typed: string,
): EmailCodeRecord | RecordedRefusal {
  const { now, deps } = transaction;
  const refusal = recorded(new Refusal("code_not_accepted", {}));
  if (record === null || loaded === null || !stillLasts(record.expires_at, CODE_MS, now)) {
    return refusal;
  }
  const limit = current(loaded.limit, now);
  const wait = waitFor(limit.failed, FAILURES_A_DAY, DAY, now);
  if (wait !== null) return recorded(new Refusal("too_many_codes", { retry_after_seconds: wait }));
  const { purpose, flow } = question;
  const key = emailCodeKey(purpose, flowBound(flow));
  const code = typed.replaceAll(/[\s-]/g, "");
  if (deps.sealer.isMac(purpose, macText(flow, record.email, code), record.mac)) {
    transaction.delete(key);
    return record;
  }
  const tries_left = record.tries_left - 1;
  if (tries_left === 0) transaction.delete(key);
  else {
    const next: EmailCodeRecord = { ...record, tries_left };
    transaction.set(key, next, { expireIn: Math.max(1, record.expires_at - now) });
  }
  storeLimit(transaction, record.email, { ...limit, failed: [...limit.failed, now] });
  return refusal;
}

/** What the HMAC is of: the address and browser too, so that a row moved to another does not match. */
function macText(flow: string, email: string, code: string): string {
  return JSON.stringify([flowBound(flow), email, code]);
}

/** Six digits, each number equally likely. */
function makeCode({ random }: Pick<Deps, "random">): string {
  const even = Math.floor(2 ** 32 / CODES) * CODES;
  for (;;) {
    const bytes = random(4);
    const number = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
    if (number < even) return String(number % CODES).padStart(DIGITS, "0");
  }
}

/** The counts without those that are over. */
function current({ sent, failed }: EmailCodeLimit, now: number): EmailCodeLimit {
  return {
    sent: sent.filter((time) => isWithin(HOUR, time, now)),
    failed: failed.filter((time) => isWithin(DAY, time, now)),
  };
}

/** Seconds until one more is allowed; null when it is now. */
function waitFor(times: readonly number[], most: number, span: number, now: number): number | null {
  const oldest = times.at(-most);
  return oldest === undefined ? null : Math.max(1, Math.ceil((oldest + span - now) / 1000));
}

/** @throws {Refusal} too_many_codes */
function assertWithin(times: readonly number[], most: number, span: number, now: number): void {
  const wait = waitFor(times, most, span, now);
  if (wait !== null) throw new Refusal("too_many_codes", { retry_after_seconds: wait });
}

/** Kept as long as it counts: strangers may ask for any address. */
function storeLimit(transaction: Transaction, email: string, limit: EmailCodeLimit): void {
  const expireIn = limit.failed.length === 0 ? HOUR : DAY;
  transaction.set(emailCodeLimitKey(secretHash(email)), limit, { expireIn });
}

/** Refusals of what a stranger could have made up. */
const COUNTED: ReadonlySet<RefusalCode> = new Set(
  [
    "assertion_not_accepted",
    "code_not_accepted",
    "link_not_valid",
  ] satisfies RefusalCode[],
);

/**
 * What an attempt to get in comes to; a refusal is thrown, recorded or not.
 * Wrong attempts are counted by where they came from.
 */
export async function counted<R>(
  { deps, failedAttempts }: Services,
  { ip }: Pick<Client, "ip">,
  attempt: () => Promise<R>,
): Promise<R> {
  try {
    return await attempt();
  } catch (error) {
    if (error instanceof Refusal && COUNTED.has(error.code)) failedAttempts.note(ip, deps.now());
    throw error;
  }
}

const address = z.email().max(254);

/** An e-mail address as a person typed it, in lower case. @throws {Refusal} invalid_request */
export function typedAddress(text: string | null): string {
  const parsed = address.safeParse(text?.trim());
  if (!parsed.success) throw invalidRequest("/email", "must be an e-mail address");
  return parsed.data.toLowerCase();
}
