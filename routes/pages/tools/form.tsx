import { z } from "zod";
import { statusWords } from "../../../components/badges.tsx";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { CheckboxField, CheckboxGroup, PermissionField } from "../../../components/choices.tsx";
import { DurationField, durationWords } from "../../../components/duration.tsx";
import { SelectField, Suggestions, TextAreaField, TextField } from "../../../components/fields.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import {
  annotationsOf,
  tickedAnnotations,
  ToolAnnotationFields,
} from "../../../components/tool.tsx";
import { isJsonObject, type JsonObject } from "../../../lib/base/json.ts";
import { pagePath } from "../../../lib/base/page_path.ts";
import { schemaProblems, type ToolFields } from "../../../lib/catalog/tool_record.ts";
import type { OrgRecord, ToolRecord } from "../../../lib/store/records/policy.ts";
import type { AttemptedForm } from "../../dashboard/attempted.ts";
import {
  checkbox,
  optional,
  optionalDuration,
  optionalJson,
  several,
  text,
  verbatim,
  whole,
} from "../../dashboard/form.ts";
import { toolName } from "../../fields/action.ts";
import { definitionDigest, toolFields } from "../../fields/catalog.ts";

interface ToolFormProps {
  readonly form: AttemptedForm;
  /** The tool as it stands; what a new one is until somebody says otherwise. */
  readonly tool: ToolRecord;
  readonly isNew: boolean;
  readonly categories: readonly string[];
  readonly org: Pick<OrgRecord, "approval_timeout_seconds" | "approval_use_seconds">;
  /** Where to go without doing anything. */
  readonly back: string;
}

const DAY = 24 * 60 * 60;

const WEEK = 7 * DAY;

/** The form that registers a tool, or changes everything that is said of one. */
export function ToolForm({ form, tool, isNew, categories, org, back }: ToolFormProps) {
  const field = (name: keyof ToolRecord & string) => ({ name, error: form.error(name) });
  const schema = tool.parameters === null ? "" : JSON.stringify(tool.parameters, null, 2);
  return (
    <Form
      do={isNew ? "register" : "change"}
      hidden={isNew ? {} : { seen: form.value("seen", tool.updated_at), ...readDefinition(tool) }}
      layout="stack"
    >
      <FieldErrors errors={form.errors} />
      <h3>What it is</h3>
      {isNew && (
        <TextField
          {...field("name")}
          label="Name"
          hint="As agents call it: letters, digits and _ . : / -"
          value={form.value("name")}
          mono
          required
          maxLength={128}
          autoComplete="off"
        />
      )}
      <TextAreaField
        {...field("description")}
        label="Description"
        hint="What it does, for the people who approve it."
        value={form.value("description", tool.description)}
        optional
      />
      <div class="grid-2">
        <TextField
          {...field("category")}
          label="Category"
          hint="Its default permission holds where the tool has none."
          value={form.value("category", tool.category)}
          list="tool-categories"
          autoComplete="off"
          optional
        />
        <Suggestions id="tool-categories" values={categories} />
        <TextField
          {...field("tags")}
          label="Tags"
          hint="Separated by commas. Rules can name a tag."
          value={form.value("tags", namesText(tool.tags))}
          autoComplete="off"
          optional
        />
      </div>
      <TextAreaField
        {...field("parameters")}
        label="Parameter schema"
        hint="The arguments that it takes, as JSON Schema (2020-12). Without one any are accepted."
        value={form.value("parameters", schema)}
        rows={schema === "" ? 5 : 14}
        spellcheck={false}
        mono
        optional
      />
      <h3>How dangerous it is</h3>
      <SelectField
        {...field("risk_level")}
        label="Risk"
        hint="Shown to whoever approves it. It decides nothing by itself."
        value={form.value("risk_level", tool.risk_level)}
        options={[
          { value: "low", label: "Low" },
          { value: "medium", label: "Medium" },
          { value: "high", label: "High" },
          { value: "critical", label: "Critical" },
        ]}
      />
      <ToolAnnotationFields
        ticked={form.values("annotations", tickedAnnotations(tool.annotations))}
        acknowledged={form.checked("annotations_acknowledged", tool.annotations_acknowledged)}
        error={form.error}
      />
      <h3>Who may run it</h3>
      <PermissionField
        {...field("default_permission")}
        label="Default permission"
        hint="Used when no rule matches."
        value={form.value("default_permission", tool.default_permission)}
        none="Its category decides; without one an approved tool is allowed."
      />
      <div class="grid-2">
        <SelectField
          {...field("required_tier")}
          label="Trust tier required"
          hint="Keys and agents below it are refused."
          value={form.value("required_tier", tool.required_tier)}
          options={["0", "1", "2", "3"].map((tier) => ({
            value: tier,
            label: tier === "0" ? "0: everybody" : tier === "3" ? "3: the highest" : tier,
          }))}
        />
        <SelectField
          {...field("status")}
          label="Status"
          hint="A draft always needs approval; what is disabled or archived is refused."
          value={form.value("status", tool.status)}
          options={(["draft", "approved", "disabled", "archived"] as const).map((value) => ({
            value,
            label: statusWords(value),
          }))}
        />
      </div>
      <CheckboxGroup
        {...field("required_facts")}
        label="Facts required"
        hint="A call that leaves one out needs approval."
        values={form.values("required_facts", tool.required_facts)}
        options={[
          { value: "tenant", label: "Tenant" },
          { value: "resource", label: "Resource" },
          { value: "method", label: "Method" },
        ]}
        layout="row"
      />
      <TextField
        {...field("methods")}
        label="Methods"
        hint="Separated by commas; case doesn't count. With a list, a call with any other method,
          or none, is disabled. Empty: it takes any."
        value={form.value("methods", namesText(tool.methods ?? []))}
        autoComplete="off"
        mono
        optional
      />
      <CheckboxField
        {...field("requires_mandate")}
        label="Needs a mandate"
        hint="Disabled for whoever names no mandate of a user. Only an owner takes this off."
        checked={form.checked("requires_mandate", tool.requires_mandate)}
      />
      <h3>How it is approved</h3>
      <CheckboxField
        {...field("requires_second_approval")}
        label="Needs two people"
        hint="The second one is a member of the group Level 2."
        checked={form.checked("requires_second_approval", tool.requires_second_approval)}
      />
      <div class="grid-2">
        <DurationField
          {...field("approval_timeout_seconds")}
          label="Request expires after"
          value={form.values("approval_timeout_seconds", [
            `${tool.approval_timeout_seconds ?? ""}`,
          ])}
          min={60}
          max={WEEK}
          none={`As the organization says: ${durationWords(org.approval_timeout_seconds)}`}
        />
        <DurationField
          {...field("approval_use_seconds")}
          label="Use an approval within"
          value={form.values("approval_use_seconds", [`${tool.approval_use_seconds ?? ""}`])}
          min={60}
          max={DAY}
          none={`As the organization says: ${durationWords(org.approval_use_seconds)}`}
        />
      </div>
      <p class="quiet small">
        {isNew
          ? "A tool that can run afterwards asks for your passkey."
          : "A change that lets more through asks for your passkey. Requests that wait are " +
            "cancelled when description, annotations, parameters or risk change."}
      </p>
      <FormActions>
        <Button variant="primary">{isNew ? "Register tool" : "Save"}</Button>
        <ButtonLink href={back} variant="quiet">Cancel</ButtonLink>
      </FormActions>
    </Form>
  );
}

/** Which definition of an upstream a form shows. Where it has changed, what is other is shown elsewhere. */
export function readDefinition({ upstream }: ToolRecord): { readonly digest?: string } {
  return upstream === undefined || upstream.drifted ? {} : { digest: upstream.definition_digest };
}

/** The definition that a form showed, as the catalog takes it. */
export const readField = optional(definitionDigest)
  .transform((digest) => digest === null ? {} : { definition_digest: digest });

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
function namesText(names: readonly string[]): string {
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
  requires_mandate: checkbox,
  requires_second_approval: checkbox,
  approval_timeout_seconds: optionalDuration(toolFields.approval_timeout_seconds.unwrap().unwrap()),
  approval_use_seconds: optionalDuration(toolFields.approval_use_seconds.unwrap().unwrap()),
  status: text(toolFields.status.unwrap()),
};

const toolForm = z.strictObject(toolFormFields);

/** What a form says of a tool, as the catalog takes it. */
export function toolFieldsOf({ annotations, ...fields }: z.output<typeof toolForm>): ToolFields {
  return { ...fields, annotations: annotationsOf(annotations) };
}

/** Pages below /tools that are no tool's. */
const TAKEN: ReadonlySet<string> = new Set(["new", "discovered", "categories"]);

/**
 * The address of a tool's page. A tool may be called like one of the other pages there: behind a
 * `~`, which no name has, it keeps one of its own, so that nobody hides a tool by its name.
 */
export function toolPath(name: string, query: { readonly view?: string } = {}): string {
  return pagePath("/tools/:name{.+}", { name: TAKEN.has(name) ? `~${name}` : name, ...query });
}

/** The name of a tool in the address of its page. */
export const toolInPath = z.string().transform((text) => text.replace(/^~/, "")).pipe(toolName);
