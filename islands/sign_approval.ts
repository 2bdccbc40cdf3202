import { startAuthentication } from "@simplewebauthn/browser";
import type { FrozenView } from "../lib/approvals/frozen_view.ts";
import { type ApprovalFacts, approvalStatement } from "../lib/passkeys/statement.ts";
import type { ApprovalSheet } from "../lib/sheet/sheet.ts";
import { actionDigest, challengeText, noteDigest, viewDigest } from "./challenge.ts";
import { type Posted, postJson } from "./post_json.ts";
import { ceremonyMessage } from "./signing.ts";

type Facts = Omit<ApprovalFacts, "action_digest" | "view_digest" | "note_digest">;

interface Opened {
  readonly facts: Facts;
  readonly options: Parameters<typeof startAuthentication>[0]["optionsJSON"];
}

/**
 * Approves what this page shows. The passkey signs digests that are computed here, from the very
 * JSON that was rendered: a server that showed one thing and asked to sign another would get a
 * signature that fits neither.
 */
export async function signApproval(
  sheet: ApprovalSheet,
  view: FrozenView,
  note: string | null,
): Promise<Posted<unknown>> {
  const path = `/approvals/${sheet.id}`;
  const opened = await postJson<Opened>(`${path}/statement`);
  if (!opened.ok) return opened;
  const { facts, options } = opened.data;
  if (facts.issuer !== location.origin || facts.approval !== sheet.id || facts.org !== sheet.org) {
    return {
      ok: false,
      code: "other_statement",
      message: "The server asked for a signature on something else. Nothing was approved.",
    };
  }
  if (facts.level !== sheet.level) {
    return {
      ok: false,
      code: "next_level",
      message: "This is at another level by now. Load the page again and look at it. " +
        "Nothing was approved.",
    };
  }
  const digests = {
    view_digest: await viewDigest(view),
    action_digest: await actionDigest(sheet.org, {
      tenant: sheet.tenant,
      resource: sheet.resource,
      tool: sheet.tool_name,
      method: sheet.method,
      arguments: view.arguments,
    }),
  };
  const statement = approvalStatement({
    ...facts,
    ...digests,
    note_digest: await noteDigest(note),
  });
  const challenge = await challengeText(statement);
  try {
    const response = await startAuthentication({ optionsJSON: { ...options, challenge } });
    return await postJson(`${path}/approve`, { nonce: facts.nonce, note, response, ...digests });
  } catch (error) {
    return { ok: false, code: "ceremony_ended", message: ceremonyMessage(error) };
  }
}
