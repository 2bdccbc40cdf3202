import { passesLuhn } from "../../lib/scrub/card.ts";
import { passesMod97 } from "../../lib/scrub/iban_email.ts";
import type { ScrubKind } from "../../lib/scrub/scrub.ts";

/** A made-up value inside a reason, with the kind that it should be found as. */
export interface Sample {
  readonly kind: ScrubKind;
  readonly value: string;
}

const LOWER = "abcdefghijklmnopqrstuvwxyz";
export const ALNUM = LOWER + LOWER.toUpperCase() + "0123456789";
export const HEX = "0123456789abcdef";

let state = 0x5c2ab;

/** A fixed sequence (mulberry32): the figures of the corpus are the same in every run. */
function nextRandom(): number {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
}

export function randomText(alphabet: string, length: number): string {
  let out = "";
  for (let i = 0; i < length; i++) {
    out += alphabet[Math.floor(nextRandom() * alphabet.length)] ?? "";
  }
  return out;
}

export const digits = (length: number): string => randomText("0123456789", length);
export const hex = (length: number): string => randomText(HEX, length);

/** Cuts `text` into groups of the sizes; the rest is the last group. */
export function grouped(text: string, sizes: readonly number[], separator = " "): string {
  const groups: string[] = [];
  let at = 0;
  for (const size of sizes) {
    groups.push(text.slice(at, at + size));
    at += size;
  }
  if (at < text.length) groups.push(text.slice(at));
  return groups.join(separator);
}

/** Random digits after the prefix, and the check digit that makes it a card. */
export function cardDigits(prefix: string, length: number): string {
  const body = prefix + digits(length - prefix.length - 1);
  const check = [..."0123456789"].find((digit) => passesLuhn(body + digit)) ?? "";
  return body + check;
}

export function card(
  prefix: string,
  length: number,
  sizes: number[] = [],
  separator = " ",
): Sample {
  const value = cardDigits(prefix, length);
  return { kind: "card", value: sizes.length === 0 ? value : grouped(value, sizes, separator) };
}

/** An IBAN with a random account part of `length` digits, after letters where a country has them. */
export function ibanText(country: string, letters: string, length: number): string {
  const account = letters + digits(length);
  for (let check = 2; check < 99; check++) {
    const iban = country + String(check).padStart(2, "0") + account;
    if (passesMod97(iban)) return iban;
  }
  throw new Error(`Cannot find check digits for the account ${account}`);
}

export function iban(country: string, letters: string, length: number, isGrouped = true): Sample {
  const value = ibanText(country, letters, length);
  return { kind: "IBAN", value: isGrouped ? value.replaceAll(/(.{4})(?=.)/g, "$1 ") : value };
}

export const mail = (value: string): Sample => ({ kind: "e-mail", value });
export const phone = (value: string): Sample => ({ kind: "phone", value });
export const secret = (value: string): Sample => ({ kind: "secret", value });

/** A token of some issuer, put together here so that no scanner takes this file for a leak. */
export function token(prefixParts: readonly string[], length: number, alphabet = ALNUM): Sample {
  const body = randomText(alphabet, length - 2) + "7Q";
  return secret(prefixParts.join("") + body);
}

export function jwt(): Sample {
  return secret(
    ["ey" + "J" + randomText(ALNUM, 30), "ey" + "J" + randomText(ALNUM, 60), randomText(ALNUM, 43)]
      .join("."),
  );
}

export function privateKey(kind: string): Sample {
  const line = "-".repeat(5);
  const body = `${randomText(ALNUM, 64)}\n${randomText(ALNUM, 40)}`;
  return secret(
    `${line}BEGIN ${kind}PRIVATE KEY${line}\n${body}\n${line}END ${kind}PRIVATE KEY${line}`,
  );
}
