import { z } from "zod";
import { TextAreaField } from "../../../components/fields.tsx";
import type { JsonValue } from "../../../lib/base/json.ts";
import type { BundleEdition } from "../../../lib/store/records/mandate.ts";
import { invalidRequest, Refusal } from "../../../lib/refusal.ts";
import type { AttemptedForm } from "../../dashboard/attempted.ts";
import { optionalJson } from "../../dashboard/form.ts";
import { bundleBody, definitionOf } from "../../fields/mandate.ts";

/** What a bundle says, as it is typed in a form: the body that the API takes, held to its schema. */

type Given = Pick<BundleEdition, "definition" | "description">;

export const definitionField = optionalJson(
  z.custom<JsonValue>().transform((value, context): Given => {
    const parsed = bundleBody.safeParse(value);
    if (!parsed.success) {
      for (const { path, message } of parsed.error.issues) {
        const at = path.length === 0 ? "it" : `/${path.join("/")}`;
        context.addIssue({ code: "custom", message: `${at} ${message}` });
      }
      return z.NEVER;
    }
    const { description = null, ...definition } = parsed.data;
    return { definition: definitionOf(definition), description };
  }),
).transform((given, context): Given => {
  if (given !== null) return given;
  context.addIssue({ code: "custom", message: "must not be empty" });
  return z.NEVER;
});

/** What stands in the form of a first edition. */
export const EXAMPLE = JSON.stringify(
  { agent: "shop-assistant", scopes: [{ tool: "refund_payment", decision: "escalate" }] },
  null,
  2,
);

/** The field in which a definition is typed. */
export function DefinitionField({ form, value }: {
  readonly form: AttemptedForm;
  readonly value: string;
}) {
  return (
    <TextAreaField
      name="definition"
      label="Definition"
      hint="JSON as PUT /v1/bundles/:id takes it: agent, scopes, and what else there is to say"
      value={form.value("definition", value)}
      error={form.error("definition")}
      rows={12}
      mono
      required
    />
  );
}

/** Says what is wrong within a definition at its field. @throws {Refusal} */
export async function asDefinition<R>(publishing: Promise<R>): Promise<R> {
  try {
    return await publishing;
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== "invalid_request") throw error;
    const { errors } = error.data as Refusal<"invalid_request">["data"];
    const messages = errors.map(({ path, message }) => `${path} ${message}`);
    throw invalidRequest("/definition", messages.join("; "));
  }
}
