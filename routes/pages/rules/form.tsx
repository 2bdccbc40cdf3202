import { Button, ButtonLink } from "../../../components/button.tsx";
import { PermissionField } from "../../../components/choices.tsx";
import { Suggestions, TextField } from "../../../components/fields.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { SheetActions } from "../../../components/layout.tsx";
import { LEVEL_WORDS } from "../../../components/rule.tsx";
import type { MatrixLinks } from "../../../components/rule_matrix.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import type { RuleRecord, Selector } from "../../../lib/store/records/policy.ts";
import { type Level, LEVELS, type SelectorPart } from "../../../lib/store/records/vocabulary.ts";
import { type AttemptedForm } from "../../dashboard/attempted.ts";

/** What the fields of a rule propose while one types. */
interface RuleSuggestions {
  readonly tools: readonly string[];
  readonly tenants: readonly string[];
  readonly tags: readonly string[];
}

/** The lists that fields on a page of rules name. */
export function RuleSuggestionLists({ tools, tenants, tags }: RuleSuggestions) {
  return (
    <>
      <Suggestions id="rule-tools" values={tools} />
      <Suggestions id="rule-tenants" values={tenants} />
      <Suggestions id="rule-tags" values={tags} />
    </>
  );
}

const PART_FIELDS: Readonly<
  Record<SelectorPart, { readonly label: string; readonly hint: string; readonly list?: string }>
> = {
  tool_name: {
    label: "Tool",
    hint: "Its name. It don't need to be registered yet.",
    list: "rule-tools",
  },
  method: {
    label: "Method",
    hint: "The operation as agents name it, such as DELETE. Case doesn't count.",
  },
  resource_id: { label: "Resource", hint: "Its external id, such as server-prod-01." },
  tag: { label: "Tag", hint: "Holds for every tool that has it.", list: "rule-tags" },
};

const noteField = {
  name: "note",
  label: "Note",
  hint: "Why the rule is there, for your colleagues and for approvers.",
  maxLength: 500,
  optional: true,
} as const;

/** The choice of what a rule names: each of the eight levels, as a link to its form. */
export function LevelChoice({ current, hrefOf }: {
  readonly current: Level["name"] | null;
  readonly hrefOf: (level: Level["name"]) => string;
}) {
  return (
    <nav aria-label="What the rule names">
      <ol class="rule-levels">
        {LEVELS.map(({ name }, index) => (
          <li key={name}>
            <a
              class="rule-level"
              href={hrefOf(name)}
              aria-current={name === current ? "true" : undefined}
            >
              <span class="rule-level-title">{index + 1}. {LEVEL_WORDS[name].title}</span>
              <span class="rule-meaning">{LEVEL_WORDS[name].meaning}</span>
            </a>
          </li>
        ))}
      </ol>
    </nav>
  );
}

/** The form of a new rule at one level: it has the fields of that level, and no others. */
export function RuleMakeForm({ form, level, start, cancel }: {
  readonly form: AttemptedForm;
  readonly level: Level;
  /** What the fields hold at first. */
  readonly start: Readonly<Partial<Record<SelectorPart | "tenant_id", string | null>>>;
  readonly cancel: string;
}) {
  return (
    <Form do="make" hidden={{ level: level.name }} layout="stack">
      <FieldErrors errors={form.errors} />
      <p>{orderWords(level)}</p>
      <div class="grid-2">
        {level.parts.map((part) => (
          <TextField
            key={part}
            name={part}
            {...PART_FIELDS[part]}
            value={form.value(part, start[part])}
            error={form.error(part)}
            autoComplete="off"
            mono
            required
          />
        ))}
        <TextField
          name="tenant_id"
          label="Tenant"
          hint="Empty: it holds for the whole organization."
          value={form.value("tenant_id", start.tenant_id)}
          error={form.error("tenant_id")}
          list="rule-tenants"
          autoComplete="off"
          mono
          optional
        />
      </div>
      <PermissionField
        name="permission"
        label="Permission"
        value={form.value("permission")}
        error={form.error("permission")}
        required
      />
      <TextField {...noteField} value={form.value("note")} error={form.error("note")} />
      <p class="quiet small">
        {level.parts.some((part) => part === "method" || part === "resource_id") &&
          "What a call names, it may also leave out or name otherwise: a rule that disables " +
            "holds where the tool requires the fact, or lists its methods. "}
        Names are compared as they stand; no pattern such as * is understood. A rule that lets
        something run, or hides a stricter one, asks for your passkey.
      </p>
      <FormActions>
        <Button variant="primary">Make the rule</Button>
        <ButtonLink href={cancel} variant="quiet">Cancel</ButtonLink>
      </FormActions>
    </Form>
  );
}

function orderWords(level: Level): string {
  const number = LEVELS.indexOf(level) + 1;
  const { title } = LEVEL_WORDS[level.name];
  const before = number === 1
    ? "Nothing comes before it"
    : number === 2
    ? "Level 1 comes before it"
    : `Levels 1 to ${number - 1} come before it`;
  return `Level ${number} of 8, ${title.toLowerCase()}. ${before}; and where a call names a ` +
    "tenant, all rules of that tenant come before those of the organization. The first that " +
    "matches decides.";
}

/** The form that changes what a rule says; what it is about stays. */
export function RuleChangeForm({ form, rule, cancel }: {
  readonly form: AttemptedForm;
  readonly rule: RuleRecord;
  readonly cancel: string;
}) {
  return (
    <Form
      do="change"
      hidden={{ rule: rule.id, seen: form.value("seen", rule.updated_at) }}
      layout="stack"
    >
      <FieldErrors errors={form.errors} />
      <PermissionField
        name="permission"
        label="Permission"
        value={form.value("permission", rule.permission)}
        error={form.error("permission")}
        required
      />
      <TextField {...noteField} value={form.value("note", rule.note)} error={form.error("note")} />
      <p class="quiet small">A change that lets more through asks for your passkey.</p>
      <FormActions>
        <Button variant="primary">Save</Button>
        <ButtonLink href={cancel} variant="quiet">Cancel</ButtonLink>
      </FormActions>
    </Form>
  );
}

/** Removes a rule. */
export function RuleRemoveForm({ form, rule }: {
  readonly form: AttemptedForm;
  readonly rule: RuleRecord;
}) {
  return (
    <Form do="remove" hidden={{ rule: rule.id }} layout="stack">
      <FieldErrors errors={form.errors} />
      <p>
        Without it the next rule that matches decides, or a default. {rule.permission === "allowed"
          ? "Nothing more is let through by that."
          : "That may let more through, so it asks for your passkey."}
      </p>
      <SheetActions>
        <Button variant="danger" icon="trash">Remove the rule</Button>
      </SheetActions>
    </Form>
  );
}

/** The page of rules, for a tool and a tenant where they are named. */
export function rulesPath(tool: string | null, tenant: string | null): string {
  return pagePath("/rules", { tool_name: tool, tenant_id: tenant });
}

/** The same page, looking at what a rule is about. */
export function rulesPathOf({ tool_name, tenant_id }: Selector): string {
  return rulesPath(tool_name, tenant_id);
}

/** The links of a tool's rules side by side; they keep to the tool and the tenant. */
export function matrixLinks(
  tool: string,
  tenant: string | null,
  mayConfigure: boolean,
): MatrixLinks {
  const here = { tool_name: tool, tenant_id: tenant };
  return {
    rule: (id) =>
      mayConfigure
        ? `${pagePath("/rules", { ...here, rule: id })}#edit`
        : pagePath("/rules/:id", { id }),
    make: mayConfigure
      ? (level, half) => `${pagePath("/rules", { ...here, level, half })}#make`
      : null,
    all: (half) => `${pagePath("/rules", half === "tenant" ? here : { tool_name: tool })}#all`,
  };
}
