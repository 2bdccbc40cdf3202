import type { Annotations } from "../lib/store/records/policy.ts";
import { CheckboxField, CheckboxGroup } from "./choices.tsx";
import { fieldId } from "./field_parts.tsx";

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
    hint: "It can delete or overwrite what cannot be brought back.",
  },
  idempotent: {
    label: "Idempotent",
    hint: "Running it again with the same arguments does no more than running it once.",
  },
  open_world: {
    label: "Open world",
    hint: "It reaches beyond your own systems: the internet, other people, other companies.",
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
        hint="Approvers are shown this. Where you do not know, leave the more dangerous answer."
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
