import { z } from "zod";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { Suggestions, TextField } from "../../../components/fields.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { Definitions, Notice, Section } from "../../../components/layout.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { factProblems, lostFacts, textPlaces } from "../../../lib/policy/facts.ts";
import {
  REQUIRED_FACTS,
  type RequiredFact,
  type ToolFacts,
  toolFacts,
  type ToolRecord,
} from "../../../lib/store/records/policy.ts";
import type { AttemptedForm } from "../../dashboard/attempted.ts";
import { optional } from "../../dashboard/form.ts";

/** Where a tool of an upstream has its facts: as a form, and where that leads nowhere by now. */

const WORDS: Readonly<Record<RequiredFact, { readonly label: string; readonly hint: string }>> = {
  resource: { label: "Resource", hint: "What it acts on: a server, an account, a file." },
  tenant: { label: "Tenant", hint: "Which of your customers it is for." },
  method: { label: "Method", hint: "What is done, where one tool does several things." },
};

/** In the order in which people think of them. */
const ORDER = ["resource", "tenant", "method"] as const satisfies readonly RequiredFact[];

const place = (fact: RequiredFact) => optional(toolFacts.shape[fact].unwrap());

/** The fields of the form. */
export const factsFields = {
  tenant: place("tenant"),
  resource: place("resource"),
  method: place("method"),
};

type FactsForm = z.output<z.ZodObject<typeof factsFields>>;

/** What a form says: a fact whose field is empty is read nowhere. */
export function factsOf(form: FactsForm): ToolFacts {
  return Object.fromEntries(REQUIRED_FACTS.flatMap((fact) => {
    const pointer = form[fact];
    return pointer === null ? [] : [[fact, pointer]];
  }));
}

/** What stands against reading facts there, at the field of the form; null for nothing. */
export function factsObjection(
  tool: ToolRecord | undefined,
  facts: ToolFacts,
): { readonly path: string; readonly message: string } | null {
  if (tool === undefined) return null;
  const [problem] = factProblems({ ...tool, facts });
  return problem === undefined
    ? null
    : { path: problem.path.replace(/^\/facts(?=\/)/, ""), message: problem.message };
}

/** The form in which it is said where facts are read. */
export function FactsSection({ form, tool }: {
  readonly form: AttemptedForm;
  readonly tool: ToolRecord;
}) {
  const { facts = {}, upstream } = tool;
  if (upstream === undefined) return null;
  const own = upstream.method;
  return (
    <Section
      title="What a call is about"
      description="Rules go by resource, tenant and method. Name the argument that holds each, as
        /host or /server/name: it is read from what is sent, and a caller who says something else is
        refused. Where you name none, a caller's word can only make the answer stricter."
    >
      <Form
        do="facts"
        hidden={{ seen: form.value("seen", tool.updated_at) }}
        layout="stack"
      >
        <FieldErrors errors={form.errors} />
        <Suggestions id="tool-places" values={textPlaces(tool.parameters)} />
        {ORDER.filter((fact) => fact !== "method" || own === undefined).map((fact) => (
          <TextField
            key={fact}
            name={fact}
            label={WORDS[fact].label}
            hint={WORDS[fact].hint}
            error={form.error(fact)}
            value={form.value(fact, facts[fact])}
            list="tool-places"
            maxLength={256}
            autoComplete="off"
            spellcheck={false}
            mono
            optional
          />
        ))}
        {own !== undefined && (
          <Definitions
            items={[{ term: "Method", value: `${own}, by which the operation is asked` }]}
          />
        )}
        <p class="quiet small">
          A change asks for your passkey, and cancels requests that wait.
        </p>
        <FormActions>
          <Button>Save places</Button>
        </FormActions>
      </Form>
    </Section>
  );
}

/** That facts are read where no arguments can have them any more, and where that is mended. */
export function FactsLost({ tool, href }: {
  readonly tool: ToolRecord;
  /** Null for who may not mend it. */
  readonly href: string | null;
}) {
  const lost = lostFacts(tool);
  if (lost.length === 0) return null;
  return (
    <Notice
      tone="warning"
      live={false}
      title={lost.length === 1
        ? `Its calls have no ${lost[0]} any more`
        : `Its calls have no ${lost.slice(0, -1).join(", ")} and ${lost.at(-1)} any more`}
      actions={href !== null && <ButtonLink href={href}>Name other places</ButtonLink>}
    >
      {lost.map((fact) => (
        <p key={fact}>
          The {fact} is read from{" "}
          <UntrustedText text={tool.facts?.[fact] ?? ""} mono />, where its parameters have no text.
        </p>
      ))}
    </Notice>
  );
}
