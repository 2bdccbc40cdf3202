import { z } from "zod";
import { annotationsOf } from "../../components/tool_annotation_fields.tsx";
import { schemaProblems, type ToolFields } from "../../lib/catalog/tool_record.ts";
import { isJsonObject, type JsonObject } from "../../lib/json/json_value.ts";
import {
  checkbox,
  optional,
  optionalJson,
  optionalWhole,
  several,
  text,
  verbatim,
  whole,
} from "../dashboard/form.ts";
import { toolFields } from "../fields/catalog.ts";

const annotationName = z.enum(["read_only", "destructive", "idempotent", "open_world"]);

/** A parameter schema; what is wrong inside it is said with its place. */
const parameterSchema = z.custom<JsonObject>(isJsonObject, "must be a JSON Schema: an object")
  .superRefine((schema, context) => {
    for (const { path, message } of schemaProblems(schema)) {
      const at = path.slice("/parameters".length);
      context.addIssue({ code: "custom", message: at === "" ? message : `at ${at}: ${message}` });
    }
  });

const nameList = z.array(z.string());

/** Names as a form shows them: with commas between them, or as JSON where one has a comma itself. */
export function namesText(names: readonly string[]): string {
  const text = names.join(", ");
  return areSame(namesIn(text), names) ? text : JSON.stringify(names);
}

function namesIn(text: string): string[] {
  return listIn(text) ?? text.split(",").map((name) => name.trim()).filter((name) => name !== "");
}

function listIn(text: string): string[] | null {
  if (!text.startsWith("[")) return null;
  try {
    return nameList.safeParse(JSON.parse(text)).data ?? null;
  } catch (error) {
    // Not JSON: then it is a name that begins so.
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function areSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, index) => name === b[index]);
}

/** The annotations as a form sends them: the names of the ones that hold. */
export const annotationFields = {
  annotations: several(annotationName),
  annotations_acknowledged: checkbox,
};

/** Every field of a tool besides its name and kill switch, as the form sends it. */
export const toolFormFields = {
  description: verbatim(toolFields.description.unwrap()),
  category: optional(toolFields.category.unwrap().unwrap()),
  tags: text(z.string().transform(namesIn)).pipe(toolFields.tags.unwrap()),
  risk_level: text(toolFields.risk_level.unwrap()),
  parameters: optionalJson(parameterSchema),
  default_permission: optional(toolFields.default_permission.unwrap().unwrap()),
  ...annotationFields,
  required_tier: whole(toolFields.required_tier.unwrap()),
  required_facts: several(z.string()).pipe(toolFields.required_facts.unwrap()),
  methods: text(z.string().transform(namesIn).transform((names) => names.length > 0 ? names : null))
    .pipe(toolFields.methods.unwrap()),
  requires_second_approval: checkbox,
  approval_timeout_seconds: optionalWhole(toolFields.approval_timeout_seconds.unwrap().unwrap()),
  approval_use_seconds: optionalWhole(toolFields.approval_use_seconds.unwrap().unwrap()),
  status: text(toolFields.status.unwrap()),
};

const toolForm = z.strictObject(toolFormFields);

/** What a form says of a tool, as the catalog takes it. */
export function toolFieldsOf({ annotations, ...fields }: z.output<typeof toolForm>): ToolFields {
  return { ...fields, annotations: annotationsOf(annotations) };
}
