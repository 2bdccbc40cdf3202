import type { Telling } from "../evidence/telling.ts";
import { withinQuotes } from "../text/within_quotes.ts";

/** Entries about what people let MCP clients do for them. */
export const GRANT_SENTENCES = {
  "oauth.registered": (t) => `${program(t)} registered itself`,
  "oauth.authorized": (t) => `${t.Who} let ${program(t)} act for them (${scopes(t)})`,
  "oauth.issued": (t) => `${t.Who} got its first tokens (${scopes(t)})`,
  "oauth.refreshed": (t) => `${t.Who} got new tokens (${scopes(t)})`,
  "oauth.reuse_detected": (t) =>
    `The connection of ${program(t)} ended: its ${
      t.said("reused") === "code" ? "code" : "refresh token"
    } was used a second time, as a thief would`,
  "oauth.revoked": (t) => revoked(t),
} as const satisfies Record<string, (t: Telling) => string>;

function revoked(t: Telling): string {
  const connection = `the connection of ${program(t)}`;
  switch (t.said("because")) {
    case "revoked":
      return `${t.Who} ended ${connection}`;
    case "revoked_by_client":
      return t.said("only") === "access_token"
        ? `${t.Who} gave an access token back`
        : `${t.Who} ended its connection`;
    case "membership_ended":
      return `The connection of ${program(t)} ended with the membership of ${behind(t)}`;
    case "recovery":
      return `The connection of ${program(t)} ended with the recovery of ${behind(t)}`;
    case "signed_out":
      return `The connection of ${program(t)} ended: ${behind(t)} signed out everywhere`;
    case "no_organization":
      return `The connection of ${program(t)} ended: no organization was left for it`;
    default:
      return `The connection of ${program(t)} ended unused`;
  }
}

function program(t: Telling): string {
  return `program “${withinQuotes(t.said("client_name") ?? t.nameOf(t.entry.subject.grant))}”`;
}

function behind(t: Telling): string {
  return t.nameOf(t.entry.subject.member);
}

function scopes(t: Telling): string {
  const { scopes: granted } = t.entry.data;
  return Array.isArray(granted) ? granted.join(", ") : "nothing";
}
