import { markedArguments } from "../lib/approvals/marked_arguments.ts";
import type { JsonObject } from "../lib/json/json_value.ts";
import { JsonView } from "./json_view.tsx";
import { Section } from "./section.tsx";

export interface RequestArgumentsProps {
  readonly args: JsonObject;
  /** The tool's parameter schema. */
  readonly schema: JsonObject | null;
  /** Places that differ from the last approved call, as pointers into the arguments. */
  readonly changed: readonly string[];
}

/** What the tool would be called with: every key and value, none cut. */
export function RequestArguments({ args, schema, changed }: RequestArgumentsProps) {
  if (Object.keys(args).length === 0) {
    return (
      <Section title="Arguments">
        <p class="quiet">The call has no arguments.</p>
      </Section>
    );
  }
  const outside = new Set(
    markedArguments(schema, args).flatMap(({ pointer, inSchema }) => inSchema ? [] : [pointer]),
  );
  // What lies within something outside of the schema need not say so again.
  const isOutermost = (pointer: string) =>
    outside.has(pointer) && !outside.has(pointer.slice(0, pointer.lastIndexOf("/")));
  const differing = new Set(changed);
  return (
    <Section
      title="Arguments"
      {...(schema === null
        ? { description: "The tool has no parameter schema: nobody said what these do." }
        : {})}
    >
      <JsonView
        value={args}
        schema={schema}
        isUnknown={(pointer) => schema !== null && isOutermost(pointer)}
        isChanged={(pointer) => differing.has(pointer)}
      />
    </Section>
  );
}
