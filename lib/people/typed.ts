import { z } from "zod";
import { externalIdProblem } from "../base/text.ts";
import { invalidRequest } from "../refusal.ts";

const MAX_NAME = 100;

const address = z.email().max(254);

/** An e-mail address as a person typed it, in lower case. @throws {Refusal} invalid_request */
export function typedAddress(text: string | null): string {
  const parsed = address.safeParse(text?.trim());
  if (!parsed.success) throw invalidRequest("/email", "must be an e-mail address");
  return parsed.data.toLowerCase();
}

/** The name of an org as a person typed it. @throws {Refusal} invalid_request */
export function typedOrgName(text: string | null): string {
  const name = text?.trim() ?? "";
  const problem = name === ""
    ? "must not be empty"
    : name.length > MAX_NAME
    ? `has at most ${MAX_NAME} characters`
    : externalIdProblem(name);
  if (problem !== null) throw invalidRequest("/organization", problem);
  return name;
}
