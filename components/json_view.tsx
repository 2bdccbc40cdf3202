import {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  memberOf,
  pointerToken,
} from "../lib/base/json.ts";
import { Badge } from "./badges.tsx";
import { UntrustedText } from "./untrusted.tsx";

export interface JsonViewProps {
  readonly value: JsonValue;
  /** The JSON Schema of the value, for the titles beside the keys. */
  readonly schema?: JsonObject | null;
  /** Whether the place (an RFC 6901 pointer) is outside the schema. */
  readonly isUnknown?: (pointer: string) => boolean;
  /** Whether the place differs from what it is compared with. */
  readonly isChanged?: (pointer: string) => boolean;
}

/** JSON as people read it: raw keys, nothing cut, every string shown with what hides in it. */
export function JsonView({ value, schema = null, isUnknown, isChanged }: JsonViewProps) {
  const marks = { root: schema ?? {}, isUnknown, isChanged };
  return (
    <div class="json">
      <Value value={value} schema={schema} pointer="" marks={marks} />
    </div>
  );
}

interface Marks {
  readonly root: JsonObject;
  readonly isUnknown: JsonViewProps["isUnknown"] | undefined;
  readonly isChanged: JsonViewProps["isChanged"] | undefined;
}

interface Place {
  readonly value: JsonValue;
  readonly schema: JsonObject | null;
  readonly pointer: string;
  readonly marks: Marks;
}

function Value(place: Place) {
  const { value } = place;
  if (Array.isArray(value)) {
    if (value.length === 0) {
      return (
        <span class="json-scalar">
          [ ] <Kind>empty list</Kind>
        </span>
      );
    }
    return <Members {...place} parts={value.map((element, index) => [index, element])} />;
  }
  if (isJsonObject(value)) {
    const members = Object.entries(value);
    if (members.length === 0) {
      return (
        <span class="json-scalar">
          {"{ }"} <Kind>empty</Kind>
        </span>
      );
    }
    return <Members {...place} parts={members} />;
  }
  if (typeof value === "string") return <Text text={value} />;
  return <code class={`json-scalar json-${typeof value}`}>{JSON.stringify(value)}</code>;
}

function Members({ parts, schema, pointer, marks }: Place & {
  readonly parts: readonly (readonly [string | number, JsonValue])[];
}) {
  return (
    <dl class="json-members">
      {parts.map(([part, value]) => (
        <Member
          key={part}
          part={part}
          value={value}
          schema={schemaOf(marks.root, schema, part)}
          pointer={`${pointer}/${pointerToken(String(part))}`}
          marks={marks}
        />
      ))}
    </dl>
  );
}

function Member({ part, value, schema, pointer, marks }: Place & {
  readonly part: string | number;
}) {
  const title = schemaTitle(schema);
  return (
    <div class={typeof part === "number" ? "json-member json-element" : "json-member"}>
      <dt>
        {typeof part === "number"
          ? <span class="json-index">{part}</span>
          : <UntrustedText text={part} mono />}
        {title !== null && (
          <span class="json-title">
            <UntrustedText text={title} />
          </span>
        )}
        {marks.isUnknown?.(pointer) && <Badge tone="warning" icon="warning">Not in schema</Badge>}
        {marks.isChanged?.(pointer) && <Badge tone="accent" icon="repeat">Differs</Badge>}
      </dt>
      <dd>
        <Value value={value} schema={schema} pointer={pointer} marks={marks} />
      </dd>
    </div>
  );
}

/** The quotes are part of the text, so that `"5"` and `5` are told apart. */
function Text({ text }: { readonly text: string }) {
  return (
    <span class="json-scalar json-string">
      <span class="json-quote">"</span>
      <UntrustedText text={text} mono />
      <span class="json-quote">"</span>
      {text === "" && <Kind>empty text</Kind>}
    </span>
  );
}

function Kind({ children }: { readonly children: string }) {
  return <span class="json-kind">{children}</span>;
}

/**
 * The schema of a member or element of what `schema` describes, where it says so by `properties`,
 * `prefixItems`, `items` or a `$ref` into its own document; else null. Only for showing titles: it
 * decides nothing.
 */
export function schemaOf(
  root: JsonObject,
  schema: JsonObject | null,
  part: string | number,
): JsonObject | null {
  const here = schema === null ? null : resolved(root, schema);
  if (here === null) return null;
  if (typeof part === "string") return resolved(root, memberOf(here["properties"], part));
  const prefix = here["prefixItems"];
  const element = Array.isArray(prefix) && part < prefix.length ? prefix[part] : here["items"];
  return resolved(root, element);
}

/** The title of a schema, or null. */
export function schemaTitle(schema: JsonObject | null): string | null {
  const title = schema?.["title"];
  return typeof title === "string" && title !== "" ? title : null;
}

function resolved(root: JsonObject, schema: JsonValue | undefined): JsonObject | null {
  if (!isJsonObject(schema)) return null;
  const reference = schema["$ref"];
  if (typeof reference !== "string" || !reference.startsWith("#/")) return schema;
  let target: JsonValue | undefined = root;
  for (const token of reference.slice(2).split("/")) {
    target = memberOf(target, token.replaceAll("~1", "/").replaceAll("~0", "~"));
  }
  return isJsonObject(target) ? target : null;
}
