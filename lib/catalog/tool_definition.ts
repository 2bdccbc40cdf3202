import { hash } from "node:crypto";
import { canonicalJson } from "../base/canonical.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import type { ToolRecord } from "../store/records/policy.ts";

/**
 * The digest of what an approver is told about a tool: `sha256:` and the lower-case hex SHA-256 of
 * the RFC 8785 form of its name, description, annotations, parameter schema and risk level. An
 * approval given, or a run token minted, for one definition does not hold for another.
 */
export function toolDefinitionDigest(tool: ToolRecord): string {
  const { name, description, annotations, parameters, risk_level } = tool;
  const text = canonicalJson({
    name,
    description,
    annotations: { ...annotations },
    parameters,
    risk_level,
  });
  return `sha256:${hash("sha256", text, "hex")}`;
}

/** The digest of a tool's definition as the catalog has it; null when there is no such tool. */
export function definitionOf({ tools }: Pick<Snapshot, "tools">, tool: string): string | null {
  const record = tools.get(tool);
  if (record === undefined) return null;
  let digest = definitions.get(record);
  if (digest === undefined) definitions.set(record, digest = toolDefinitionDigest(record));
  return digest;
}

/** A record of the snapshot never changes: another definition is another record. */
const definitions = new WeakMap<ToolRecord, string>();
