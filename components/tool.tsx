import { pagePath } from "../lib/base/page_path.ts";
import type { Annotations, OrgRecord, ToolFacts, ToolRecord } from "../lib/store/records/policy.ts";
import { AnnotationBadges, PermissionBadge, RiskBadge, Tags } from "./badges.tsx";
import { CheckboxField, CheckboxGroup } from "./choices.tsx";
import { durationWords } from "./duration.tsx";
import { fieldId } from "./fields.tsx";
import { JsonView } from "./json_view.tsx";
import { Definitions, Disclosure } from "./layout.tsx";
import { Time } from "./time.tsx";
import { UntrustedText } from "./untrusted.tsx";

/** A tool's definition and annotations, to be read and to be edited. */

/** Everything that is said of a tool, for who reads. */
export function ToolDefinition({ tool, org, now }: {
  readonly tool: ToolRecord;
  /** What holds where the tool says nothing. */
  readonly org: Pick<OrgRecord, "approval_timeout_seconds" | "approval_use_seconds">;
  readonly now: number;
}) {
  const span = (own: number | null, other: number) =>
    own === null ? `${durationWords(other)} (the organization's)` : durationWords(own);
  return (
    <>
      <Definitions
        items={[
          {
            term: "Description",
            value: tool.description === ""
              ? <span class="quiet">None</span>
              : <UntrustedText text={tool.description} />,
          },
          { term: "Risk", value: <RiskBadge risk={tool.risk_level} /> },
          {
            term: "What it does",
            value: (
              <AnnotationBadges
                annotations={tool.annotations}
                acknowledged={tool.annotations_acknowledged}
              />
            ),
          },
          {
            term: "Default permission",
            value: <PermissionBadge permission={tool.default_permission} />,
          },
          {
            term: "Category",
            value: tool.category === null
              ? <span class="quiet">None</span>
              : <UntrustedText text={tool.category} />,
          },
          { term: "Tags", value: <Tags tags={tool.tags} /> },
          {
            term: "Trust tier required",
            value: tool.required_tier === 0 ? "0: everybody" : `${tool.required_tier} or above`,
          },
          {
            term: "Facts required",
            value: tool.required_facts.length === 0
              ? <span class="quiet">None</span>
              : tool.required_facts.join(", "),
          },
          ...tool.upstream === undefined ? [] : [{
            term: "Read from arguments",
            value: <ReadFacts facts={tool.facts ?? {}} method={tool.upstream.method} />,
          }],
          {
            term: "Methods",
            value: tool.methods === null
              ? <span class="quiet">Any</span>
              : <UntrustedText text={tool.methods.join(", ")} mono />,
          },
          {
            term: "Mandate",
            value: tool.requires_mandate ? "Required" : <span class="quiet">Not required</span>,
          },
          {
            term: "Approvals",
            value: tool.requires_second_approval ? "Two different people" : "One person",
          },
          {
            term: "Request expires after",
            value: span(tool.approval_timeout_seconds, org.approval_timeout_seconds),
          },
          {
            term: "Use an approval within",
            value: span(tool.approval_use_seconds, org.approval_use_seconds),
          },
          ...tool.upstream === undefined ? [] : [{
            term: "Upstream",
            value: <UpstreamLink upstream={tool.upstream} />,
          }],
          { term: "Changed", value: <Time at={tool.updated_at} now={now} /> },
          { term: "Id", value: tool.id, mono: true },
        ]}
      />
      {tool.parameters === null
        ? <p class="quiet">Without a parameter schema any arguments are accepted.</p>
        : (
          <Disclosure summary="Parameter schema">
            <JsonView value={tool.parameters} />
          </Disclosure>
        )}
    </>
  );
}

/** Which facts of its calls are read, and where. */
function ReadFacts({ facts, method }: {
  readonly facts: ToolFacts;
  /** Of an operation of an HTTP API, its own. */
  readonly method: string | undefined;
}) {
  const read = (["resource", "tenant", "method"] as const).flatMap((fact) => {
    const pointer = facts[fact];
    return pointer === undefined || (fact === "method" && method !== undefined)
      ? []
      : [{ fact, pointer }];
  });
  if (read.length === 0 && method === undefined) return <span class="quiet">Nothing</span>;
  return (
    <>
      {read.map(({ fact, pointer }, i) => (
        <>
          {i > 0 && ", "}
          {fact} <UntrustedText text={pointer} mono />
        </>
      ))}
      {method !== undefined &&
        `${read.length > 0 ? ", " : ""}method: ${method}, the operation's own`}
    </>
  );
}

/** The way to what its server says of a tool. */
function UpstreamLink({ upstream: { name, tool } }: {
  readonly upstream: NonNullable<ToolRecord["upstream"]>;
}) {
  return (
    <a href={pagePath("/upstreams/:name/tools/:tool{.+}", { name, tool })}>
      <UntrustedText text={name} mono />
    </a>
  );
}

/** The four annotations in the order of the form, each in plain words. */
const WORDS: Readonly<
  Record<keyof Annotations, { readonly label: string; readonly hint: string }>
> = {
  read_only: {
    label: "Read-only",
    hint: "It looks at things. Running it changes nothing.",
  },
  destructive: {
    label: "Destructive",
    hint: "It can delete or overwrite what can't be brought back.",
  },
  idempotent: {
    label: "Safe to repeat",
    hint: "Running it again with the same arguments does no more than running it once.",
  },
  open_world: {
    label: "Leaves your systems",
    hint: "It reaches the internet, other people or other companies.",
  },
};

export const ANNOTATION_NAMES = Object.keys(WORDS) as (keyof Annotations)[];

export interface ToolAnnotationFieldsProps {
  /** The ones that are ticked. */
  readonly ticked: readonly string[];
  readonly acknowledged: boolean;
  readonly error: (name: string) => string | undefined;
  /** Ends the ids of the fields, where several such forms stand on one page. */
  readonly suffix?: string;
}

/** What a tool does to the world, and that a person stands for that. */
export function ToolAnnotationFields(props: ToolAnnotationFieldsProps) {
  const { ticked, acknowledged, error, suffix = "" } = props;
  return (
    <>
      <CheckboxGroup
        name="annotations"
        id={fieldId(`annotations${suffix}`)}
        label="What it does"
        hint="Approvers are shown this. Where you don't know, leave the more dangerous answer."
        error={error("annotations")}
        values={ticked}
        options={ANNOTATION_NAMES.map((value) => ({ value, ...WORDS[value] }))}
      />
      <CheckboxField
        name="annotations_acknowledged"
        id={fieldId(`annotations_acknowledged${suffix}`)}
        label="I have checked these four, and stand for them"
        hint="Only then the tool can be approved."
        error={error("annotations_acknowledged")}
        checked={acknowledged}
      />
    </>
  );
}

/** The names of the annotations that hold. */
export function tickedAnnotations(annotations: Annotations): string[] {
  return ANNOTATION_NAMES.filter((name) => annotations[name]);
}

/** All four annotations from the names of the ones that hold. */
export function annotationsOf(ticked: readonly string[]): Annotations {
  return {
    read_only: ticked.includes("read_only"),
    destructive: ticked.includes("destructive"),
    idempotent: ticked.includes("idempotent"),
    open_world: ticked.includes("open_world"),
  };
}
