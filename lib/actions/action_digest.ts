import { hash } from "node:crypto";
import { canonicalJson } from "../base/canonical.ts";
import type { Action } from "./action.ts";

/**
 * The digest that names one concrete call of one org: `sha256:` and the lower-case hex SHA-256 of
 * the RFC 8785 form of its facts, version 1. What is approved, minted and consumed is this.
 *
 * @throws {TypeError} when the arguments are not JSON (see `canonicalJson`).
 */
export function actionDigest(org: string, action: Action): string {
  // The members in RFC 8785 order, written out because every check comes through here.
  const text = `{"arguments":${canonicalJson(action.arguments)}` +
    `,"method":${canonicalJson(action.method)}` +
    `,"org":${canonicalJson(org)}` +
    `,"resource":${canonicalJson(action.resource)}` +
    `,"tenant":${canonicalJson(action.tenant)}` +
    `,"tool":${canonicalJson(action.tool)}` +
    `,"v":1}`;
  return `sha256:${hash("sha256", text, "hex")}`;
}
