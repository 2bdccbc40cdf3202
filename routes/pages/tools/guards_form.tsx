import { z } from "zod";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { CheckboxGroup, RadioGroup } from "../../../components/choices.tsx";
import { SelectField, TextAreaField, TextField } from "../../../components/fields.tsx";
import { FindingList } from "../../../components/findings.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { Definitions, Disclosure, Section } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { tryAfter, tryBefore } from "../../../lib/guards/try.ts";
import { invalidRequest } from "../../../lib/refusal.ts";
import {
  type AfterGuard,
  afterGuard,
  type BeforeGuard,
  beforeGuard,
  type Guards,
} from "../../../lib/store/records/guards.ts";
import {
  AFTER_MODES,
  type AfterKind,
  BEFORE_MODES,
  type BeforeKind,
  PERSONAL_KINDS,
} from "../../../lib/store/records/vocabulary.ts";
import type { AttemptedForm } from "../../dashboard/attempted.ts";
import { lines, optional, several, text, verbatim } from "../../dashboard/form.ts";
import type { Outcome } from "../../dashboard/page.ts";

/** Guards as a form, of a tool or of all tools, and what they find in a text that is tried. */

type Side = "before" | "after";

/** What a form says of one kind of guard. */
interface KindWords {
  readonly label: string;
  readonly hint: string;
  readonly takes?: readonly ("pointers" | "root" | "words" | "kinds")[];
}

const BEFORE: Readonly<Record<BeforeKind, KindWords>> = {
  injection: {
    label: "Injection",
    hint: "Text worded as an order to leave what a model was told. It finds wordings, not intent.",
  },
  secrets: { label: "Secrets", hint: "Passwords, keys and tokens in any argument." },
  path_traversal: {
    label: "Paths",
    hint: "A path that may lead out of where it has to stay, however it is written.",
    takes: ["pointers", "root"],
  },
  topics: { label: "Topics", hint: "Words and phrases of a list.", takes: ["words"] },
  command: {
    label: "Command line",
    hint: "Characters that a shell takes for its own. Advice: it parses nothing.",
    takes: ["pointers"],
  },
  sql: {
    label: "SQL",
    hint: "Characters that end a value or begin a comment. Advice: O'Brien is found too.",
    takes: ["pointers"],
  },
};

const AFTER: Readonly<Record<AfterKind, KindWords>> = {
  credentials: {
    label: "Credentials",
    hint: "Tokens and keys by their form. They are replaced, or the result is withheld.",
  },
  injection: { label: "Injection", hint: "As before a call, in what the server answers." },
  personal_data: {
    label: "Personal data",
    hint: "The kinds that are ticked. Mail and calendars live on e-mail addresses.",
    takes: ["kinds"],
  },
  topics: { label: "Topics", hint: "Words and phrases of a list.", takes: ["words"] },
};

const BEFORE_WORDS = { off: "Off", flag: "Tell and log", approve: "Ask a person", block: "Block" };

const AFTER_WORDS = {
  off: "Off",
  flag: "Tell and log",
  redact: "Replace",
  block: "Withhold the result",
};

const listed = lines(z.string().max(256, "has at most 256 characters"));

const beforeMode = optional(z.enum(BEFORE_MODES));

const afterMode = optional(z.enum(AFTER_MODES));

/** The fields of the form, by side and kind. */
export const guardsFields = {
  before_injection: beforeMode,
  before_secrets: beforeMode,
  before_path_traversal: beforeMode,
  before_path_traversal_pointers: listed,
  before_path_traversal_root: text(z.string()),
  before_topics: beforeMode,
  before_topics_words: listed,
  before_command: beforeMode,
  before_command_pointers: listed,
  before_sql: beforeMode,
  before_sql_pointers: listed,
  after_credentials: afterMode,
  after_injection: afterMode,
  after_personal_data: afterMode,
  after_personal_data_kinds: several(z.string()),
  after_topics: afterMode,
  after_topics_words: listed,
};

type GuardsForm = z.output<z.ZodObject<typeof guardsFields>>;

/** The guards that a form asks for. Of which there are several of a kind, those stay. @throws {Refusal} */
export function guardsOf(form: GuardsForm, old: Guards): Guards {
  const values = form as Readonly<Record<string, unknown>>;
  return {
    before: sideOf("before", BEFORE, values, old.before ?? [], beforeGuard),
    after: sideOf("after", AFTER, values, old.after ?? [], afterGuard),
  };
}

function sideOf<G extends { readonly kind: string }>(
  side: Side,
  words: Readonly<Record<string, KindWords>>,
  values: Readonly<Record<string, unknown>>,
  old: readonly G[],
  schema: z.ZodType<G>,
): G[] {
  return Object.entries(words).flatMap(([kind, { takes = [] }]) => {
    const before = old.filter((guard) => guard.kind === kind);
    if (before.length > 1) return before;
    const field = `${side}_${kind}`;
    const mode = values[field];
    if (mode === null) return [];
    const given = Object.fromEntries(takes.map((member) => [member, values[`${field}_${member}`]]));
    const parsed = schema.safeParse({ kind, mode, ...given });
    if (parsed.success) return [parsed.data];
    const { path, message } = parsed.error.issues[0] ?? { path: [], message: "isn't valid" };
    const member = typeof path[0] === "string" && path[0] !== "mode" ? `_${path[0]}` : "";
    throw invalidRequest(`/${field}${member}`, message);
  });
}

interface InForce {
  readonly before: readonly BeforeGuard[];
  readonly after: readonly AfterGuard[];
}

/** The form in which guards are set. */
export function GuardsForm({ form, guards, otherwise, hidden }: {
  readonly form: AttemptedForm;
  /** Those that are set here. */
  readonly guards: Guards;
  /** Those that look where nothing is set here. */
  readonly otherwise: InForce;
  readonly hidden: Readonly<Record<string, string>>;
}) {
  return (
    <Form do="guards" hidden={hidden} layout="stack">
      <FieldErrors errors={form.errors} />
      <h3>Before a call: its arguments</h3>
      {Object.entries(BEFORE).map(([kind, words]) => (
        <KindFields
          key={kind}
          form={form}
          side="before"
          kind={kind}
          words={words}
          modes={BEFORE_WORDS}
          own={(guards.before ?? []).filter((guard) => guard.kind === kind)}
          otherwise={otherwise.before.find((guard) => guard.kind === kind)?.mode ?? "off"}
        />
      ))}
      <h3>After a call: what the server answered</h3>
      {Object.entries(AFTER).map(([kind, words]) => (
        <KindFields
          key={kind}
          form={form}
          side="after"
          kind={kind}
          words={words}
          modes={kind === "credentials"
            ? { redact: AFTER_WORDS.redact, block: AFTER_WORDS.block }
            : AFTER_WORDS}
          own={(guards.after ?? []).filter((guard) => guard.kind === kind)}
          otherwise={otherwise.after.find((guard) => guard.kind === kind)?.mode ?? "off"}
        />
      ))}
      <FormActions>
        <Button>Save guards</Button>
      </FormActions>
    </Form>
  );
}

type AnyGuard = BeforeGuard | AfterGuard;

function KindFields({ form, side, kind, words, modes, own, otherwise }: {
  readonly form: AttemptedForm;
  readonly side: Side;
  readonly kind: string;
  readonly words: KindWords;
  readonly modes: Readonly<Record<string, string>>;
  readonly own: readonly AnyGuard[];
  readonly otherwise: string;
}) {
  const { label, hint, takes = [] } = words;
  const field = `${side}_${kind}`;
  const [guard] = own;
  if (own.length > 1) {
    return (
      <p>
        <strong>{label}.</strong> {own.length} guards that the API has set; they stay as they are.
      </p>
    );
  }
  const elsewhere = modes[otherwise] ?? BEFORE_WORDS.off;
  const isOpen = form.value(field, guard?.mode ?? "") !== "";
  return (
    <>
      <SelectField
        name={field}
        label={label}
        hint={hint}
        error={form.error(field)}
        value={form.value(field, guard?.mode ?? "")}
        options={[
          { value: "", label: `Nothing said here (${elsewhere.toLowerCase()})` },
          ...Object.entries(modes).map(([value, label]) => ({ value, label })),
        ]}
      />
      {takes.length > 0 && (
        <Disclosure summary={`${label}: what it looks for`} open={isOpen}>
          <Taken form={form} field={field} label={label} takes={takes} guard={guard} />
        </Disclosure>
      )}
    </>
  );
}

/** What a guard has to be told. */
function Taken({ form, field, label, takes, guard }: {
  readonly form: AttemptedForm;
  readonly field: string;
  readonly label: string;
  readonly takes: NonNullable<KindWords["takes"]>;
  readonly guard: AnyGuard | undefined;
}) {
  const list = (member: "pointers" | "words") =>
    guard !== undefined && member in guard
      ? ((guard as unknown as Record<string, string[]>)[member] ?? []).join("\n")
      : "";
  return (
    <>
      {takes.includes("pointers") && (
        <TextAreaField
          name={`${field}_pointers`}
          label={`${label}: places in the arguments`}
          hint="JSON pointers, one a line, such as /path"
          error={form.error(`${field}_pointers`)}
          value={form.value(`${field}_pointers`, list("pointers"))}
          rows={2}
          mono
          optional
        />
      )}
      {takes.includes("root") && (
        <TextField
          name={`${field}_root`}
          label={`${label}: root`}
          hint="Absolute paths have to lie below it, such as /srv/notes"
          error={form.error(`${field}_root`)}
          value={form.value(
            `${field}_root`,
            guard !== undefined && "root" in guard ? guard.root : "",
          )}
          mono
          optional
        />
      )}
      {takes.includes("words") && (
        <TextAreaField
          name={`${field}_words`}
          label={`${label}: words`}
          hint="One a line, found as whole words in any case"
          error={form.error(`${field}_words`)}
          value={form.value(`${field}_words`, list("words"))}
          rows={2}
          optional
        />
      )}
      {takes.includes("kinds") && (
        <CheckboxGroup
          name={`${field}_kinds`}
          label={`${label}: kinds`}
          error={form.error(`${field}_kinds`)}
          values={form.values(
            `${field}_kinds`,
            guard !== undefined && "kinds" in guard ? guard.kinds : [],
          )}
          options={PERSONAL_KINDS.map((value) => ({ value, label: value }))}
          layout="row"
        />
      )}
    </>
  );
}

/** What a text is tried on. */
export const tryFields = {
  side: text(z.enum(["before", "after"], "must be chosen")),
  text: verbatim(
    z.string().min(1, "must not be empty").max(32_768, "has at most 32,768 characters"),
  ),
};

/** Tries the guards that are in force on a text: nothing is decided or recorded by it. */
export function TrySection({ form }: { readonly form: AttemptedForm }) {
  return (
    <Section
      title="Try"
      description="What the guards that are in force would find in a text. Nothing is decided by it,
        and nothing recorded."
      id="try"
    >
      <Form do="try" layout="stack">
        <FieldErrors errors={form.errors} />
        <RadioGroup
          name="side"
          label="Where the text stands"
          error={form.error("side")}
          value={form.value("side", "after")}
          options={[
            { value: "before", label: "In an argument" },
            { value: "after", label: "In what the server answers" },
          ]}
          layout="row"
          required
        />
        <TextAreaField
          name="text"
          label="Text"
          error={form.error("text")}
          value={form.value("text")}
          rows={5}
        />
        <FormActions>
          <Button variant="secondary">Try</Button>
        </FormActions>
      </Form>
    </Section>
  );
}

const ANSWERS = {
  allowed: "The call is decided as if there were no guard.",
  requires_approval: "A person is asked, unless the rules are stricter.",
  disabled: "The call is refused.",
} as const;

/** What comes of trying a text, as a page of its own. */
export function tried(
  { side, text }: { readonly side: Side; readonly text: string },
  { before, after }: InForce,
  back: { readonly href: string; readonly label: string },
): Outcome {
  const title = "What the guards find";
  const looked = side === "before"
    ? { ...tryBefore(before, { text }), answer: null }
    : { ...tryAfter(after, { text }), answer: "after" as const };
  const { findings } = looked;
  const show = (
    <>
      <PageHeader title={title} breadcrumb={[back]} />
      <Section title="Found">
        {findings.length === 0
          ? <p class="quiet">Nothing.</p>
          : <FindingList findings={findings} />}
        <Definitions
          items={looked.answer === null ? [{ term: "So", value: ANSWERS[looked.permission] }] : [
            {
              term: "So",
              value: looked.withheld !== null
                ? "The result is withheld."
                : looked.redactions.length > 0
                ? "The result is told like this:"
                : "The result is told as it is.",
            },
            ...looked.withheld === null && looked.redactions.length > 0
              ? [{
                term: "Told",
                value: <UntrustedText text={String(looked.redacted)} />,
              }]
              : [],
          ]}
        />
      </Section>
      <p>
        <ButtonLink href={back.href}>Back</ButtonLink>
      </p>
    </>
  );
  return { show, title };
}
