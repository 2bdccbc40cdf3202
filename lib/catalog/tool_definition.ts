import { hash } from "node:crypto";
import { canonicalJson } from "../json/canonical.ts";
import type { ToolRecord } from "../store/records/policy.ts";

/**
 * The digest of what an approver is told about a tool: `sha256:` and the lower-case hex SHA-256 of
 * the RFC 8785 form of its name, description, annotations, parameter schema and risk level. An
 * approval given for one definition does not hold for another.
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
