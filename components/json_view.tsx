import type { ComponentChildren } from "preact";
import { isJsonObject, type JsonObject, type JsonValue, pointerToken } from "../lib/base/json.ts";
import type { ArgumentsReading } from "../lib/sheet/arguments.ts";
import { editsIn, pathIn, type ReadMember, readMembers } from "../lib/sheet/edits.ts";
import { patchIn } from "../lib/sheet/line_diff.ts";
import { languageOf, tokensOf } from "../lib/sheet/value_language.ts";
import { characterCount, counted, isLong, sizeWords } from "../lib/sheet/value_lines.ts";
import { Badge } from "./badges.tsx";
import { Digits, LookMarks, UntrustedText } from "./untrusted.tsx";
import { EditsViewer, PatchViewer } from "./value_diff.tsx";
import { TextViewer } from "./value_viewer.tsx";

export interface JsonViewProps {
  readonly value: JsonValue;
  /** In which order it is read, and what is marked in it; without it, as it was received. */
  readonly reading?: ArgumentsReading;
  /** Of the page, where links within it lead to parts of the value. */
  readonly id?: string;
}

/** JSON as people read it: raw keys, nothing cut, every text shown with what hides in it. */
export function JsonView({ value, reading, id }: JsonViewProps) {
  const page = { reading: reading ?? NOTHING_SAID, id: id ?? null };
  return (
    <div class="json">
      <Value value={value} pointer="" name="" path={null} page={page} />
    </div>
  );
}

const NOTHING_SAID: ArgumentsReading = {
  described: false,
  titles: new Map(),
  order: new Map(),
  strangers: new Set(),
  last: new Map(),
  gone: new Map(),
};

interface Place {
  readonly value: JsonValue;
  /** RFC 6901. */
  readonly pointer: string;
  /** Of the member; empty for an element. */
  readonly name: string;
  /** The file that the object speaks of in which it stands. */
  readonly path: string | null;
  readonly page: { readonly reading: ArgumentsReading; readonly id: string | null };
}

function Value(place: Place) {
  const { value, pointer, name, path, page } = place;
  if (Array.isArray(value)) {
    if (value.length === 0) return <Empty signs="[ ]" words="empty list" />;
    const edits = editsIn(value);
    if (edits !== null) {
      return <EditsViewer name={name} path={path} edits={edits} id={idOf(place)} />;
    }
    return (
      <dl class="json-members" data-parts>
        {value.map((element, index) => (
          <Member
            key={index}
            label={<span class="json-index">{index}</span>}
            isElement
            value={element}
            pointer={`${pointer}/${index}`}
            name=""
            path={path}
            page={page}
          />
        ))}
      </dl>
    );
  }
  if (isJsonObject(value)) {
    if (Object.keys(value).length === 0) return <Empty signs="{ }" words="empty" />;
    return <Members {...place} value={value} />;
  }
  if (typeof value === "string") return <Text {...place} value={value} />;
  return <Scalar value={value} />;
}

function Members({ value, pointer, page }: Place & { readonly value: JsonObject }) {
  const { order, gone } = page.reading;
  const path = pathIn(value);
  const place = (name: string) => `${pointer}/${pointerToken(name)}`;
  return (
    <dl class="json-members" data-parts>
      {readMembers(value, order.get(pointer) ?? []).map((member) =>
        member.kind === "member"
          ? (
            <Member
              key={place(member.name)}
              label={<UntrustedText text={member.name} mono />}
              value={member.value}
              pointer={place(member.name)}
              name={member.name}
              path={path}
              page={page}
            />
          )
          : <EditMember key="edit" member={member} place={place} path={path} page={page} />
      )}
      {(gone.get(pointer) ?? []).map(([name, before]) => (
        <div key={`gone ${name}`} class="json-member json-gone">
          <dt>
            <UntrustedText text={name} mono />
          </dt>
          <dd>
            Not in this call <Was value={before} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** Two members that are one edit. */
function EditMember({ member: { edit }, place, path, page }: Pick<Place, "path" | "page"> & {
  readonly member: Extract<ReadMember, { kind: "edit" }>;
  readonly place: (name: string) => string;
}) {
  const places = edit.names.map(place);
  return (
    <div class="json-member json-long">
      <dt>
        <span class="visually-hidden">{edit.names.join(" and ")}</span>
        {places.map((pointer) => <Marks key={pointer} pointer={pointer} page={page} />)}
      </dt>
      <dd>
        <EditsViewer
          name={null}
          path={path}
          edits={[edit]}
          id={idOf({ pointer: places[0] ?? "", page })}
        />
        {places.some((pointer) => page.reading.last.has(pointer)) && (
          <span class="json-was">another edit than in the last approved call</span>
        )}
      </dd>
    </div>
  );
}

function Member({ label, isElement = false, ...place }: Place & {
  readonly label: ComponentChildren;
  readonly isElement?: boolean;
}) {
  const { value, pointer, page } = place;
  const title = page.reading.titles.get(pointer) ?? null;
  const framed = isFramed(place);
  const last = page.reading.last.get(pointer);
  return (
    <div
      class={`json-member${framed ? " json-long" : ""}${
        isElement && !framed && (typeof value !== "object" || value === null) ? " json-element" : ""
      }`}
    >
      <dt>
        {framed ? <span class="visually-hidden">{label}</span> : label}
        {title !== null && (
          <small class="json-title">
            <UntrustedText text={title} />
          </small>
        )}
        {framed && <Marks pointer={pointer} page={page} />}
      </dt>
      <dd>
        <Value {...place} />
        {!framed && <Marks pointer={pointer} page={page} />}
        {last !== undefined && <Was value={last} now={value} />}
      </dd>
    </div>
  );
}

/** What is out of the ordinary about a place. */
function Marks({ pointer, page }: Pick<Place, "pointer" | "page">) {
  return page.reading.strangers.has(pointer)
    ? <Badge tone="warning" icon="warning">Not in schema</Badge>
    : null;
}

/** Whether a value stands in a frame of its own, whose head says its name. */
function isFramed({ value, name }: Pick<Place, "value" | "name">): boolean {
  if (Array.isArray(value)) return editsIn(value) !== null;
  return typeof value === "string" && viewOf(name, value) !== "line";
}

/** How a text is shown: as a patch, in a viewer, or beside its name. */
function viewOf(name: string, text: string): "patch" | "viewer" | "line" {
  if (patchIn(text) !== null) return "patch";
  if (isLong(text)) return "viewer";
  const language = languageOf(name, text);
  return language === null || language === "URL" ? "line" : "viewer";
}

/** Only beside an own name does a text need no frame; what reads as another value is in quotes. */
function Text({ value: text, name, ...place }: Place & { readonly value: string }) {
  const id = idOf(place);
  const title = name === "" ? "Text" : <UntrustedText text={name} mono />;
  const view = viewOf(name, text);
  const patch = view === "patch" ? patchIn(text) : null;
  if (patch !== null) return <PatchViewer name={name} patch={patch} text={text} id={id} />;
  if (view === "viewer") return <TextViewer name={name} title={title} text={text} id={id} />;
  if (text === "") return <Empty signs="" words="empty text" />;
  const language = languageOf(name, text);
  return (
    <div class={readsAsOther(text) ? "json-scalar json-quoted" : "json-scalar"}>
      {language === null
        ? <UntrustedText text={text} mono />
        : (
          <bdi class="untrusted mono" dir="ltr">
            {tokensOf(language, text).map(({ kind, text: part }, index) => (
              <span key={index} class={`code-${kind}`}>
                <UntrustedText text={part} mono />
              </span>
            ))}
          </bdi>
        )}
      <LookMarks text={text} />
    </div>
  );
}

/** Whether a text could be taken for a number, a word of JSON, or for less or more than it is. */
function readsAsOther(text: string): boolean {
  return /^\s|\s$|^["'[{“”]|^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$|^(?:true|false|null)$/i.test(text);
}

function Empty({ signs, words }: { readonly signs: string; readonly words: string }) {
  return (
    <span class="json-scalar">
      {signs} <span class="json-kind">{words}</span>
    </span>
  );
}

function Scalar({ value }: { readonly value: null | boolean | number }) {
  return (
    <code class="json-scalar json-plain">
      {typeof value === "number" ? <Digits text={JSON.stringify(value)} /> : String(value)}
    </code>
  );
}

/** A text of the last call up to this many characters stands beside this one's. */
const SHORT_BEFORE = 80;

/** A number so many times as large, or as small, as the last one is marked. */
const NOTABLE = 2;

/** What the last approved call had in this place. */
function Was({ value, now }: { readonly value: JsonValue; readonly now?: JsonValue }) {
  const times = typeof value === "number" && typeof now === "number" && value * now > 0
    ? now / value
    : 1;
  return (
    <span class="json-was">
      was {typeof value === "string"
        ? <WasText text={value} />
        : Array.isArray(value)
        ? `a list of ${value.length}`
        : isJsonObject(value)
        ? `${counted(Object.keys(value).length, "member")}`
        : <Scalar value={value} />}
      {(times >= NOTABLE || times <= 1 / NOTABLE) && (
        <Badge tone="warning">{timesText(times)}×</Badge>
      )}
    </span>
  );
}

function WasText({ text }: { readonly text: string }) {
  if (text === "") return <>empty</>;
  return text.length > SHORT_BEFORE || text.includes("\n")
    ? <>{sizeWords(text.split("\n").length, characterCount(text))}</>
    : <UntrustedText text={text} mono />;
}

function timesText(times: number): string {
  return times >= 100 ? Math.round(times).toString() : times.toPrecision(2);
}

/** A name on the page for what a pointer leads to. */
function idOf({ pointer, page }: Pick<Place, "pointer" | "page">): string | null {
  return page.id === null ? null : `${page.id}${encodeURIComponent(pointer).replaceAll("%", ".")}`;
}
