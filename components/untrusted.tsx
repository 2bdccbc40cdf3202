import { confusableMark, idTail } from "../lib/base/confusables.ts";
import { codePoints, directionOf } from "../lib/base/direction.ts";
import { type Segment, visibleSegments, withinQuotes } from "../lib/base/text.ts";
import { Icon, type IconName } from "./icon.tsx";

export interface UntrustedProps {
  readonly segments: readonly Segment[];
  /** Monospace, for ids and arguments. */
  readonly mono?: boolean;
}

/**
 * What an agent or a stranger wrote, whole: what cannot be seen is named, and nothing in it can
 * turn the direction of the text around it. Ids, addresses and arguments run from left to right
 * whatever they begin with, or the domain of an address would stand before its name; prose runs as
 * its first letter does.
 */
export function Untrusted({ segments, mono = false }: UntrustedProps) {
  const isProse = !mono && segments.some(({ text }) => /\s/.test(text));
  const isAddress = !isProse && segments.some(({ text }) => text.includes("@"));
  return (
    <bdi
      class={`untrusted${mono ? " mono" : ""}${isAddress && !mono ? " whole" : ""}`}
      dir={isProse ? undefined : "ltr"}
    >
      <Characters segments={segments} />
    </bdi>
  );
}

/** Characters as they are, those that nobody sees by their names. */
export function Characters({ segments }: Pick<UntrustedProps, "segments">) {
  return segments.map(({ text, hidden }, index) =>
    hidden === null
      ? text
      : (
        <span key={index} class="hidden-char" title={`Invisible character ${hidden}`}>
          ⟨{hidden}⟩
        </span>
      )
  );
}

/** `Untrusted` for text as it is stored. */
export function UntrustedText({ text, mono = false }: {
  readonly text: string;
  readonly mono?: boolean;
}) {
  return <Untrusted segments={visibleSegments(text)} mono={mono} />;
}

/** More characters than this are told by their number. */
const MOST_POINTS = 200;

/**
 * What the look of a value may hide though every character of it is seen: letters that run from
 * right to left, or look like others. With its characters one by one, to be opened. Nothing for most.
 */
export function LookMarks({ text }: { readonly text: string }) {
  const direction = directionOf(text);
  const twin = /\s/.test(text) ? null : confusableMark(text);
  if (direction === "right" && twin === null) return null;
  const points = codePoints(text, MOST_POINTS);
  const shown = points.reduce((sum, point) => sum + point.text.length, 0);
  const words = direction === "both"
    ? "Mixes directions"
    : direction === "left"
    ? "Right-to-left text"
    : twin;
  return (
    <details class="look-marks" data-optional>
      <summary>
        <span class={direction === "left" ? "badge" : "badge badge-warning"}>
          {direction !== "left" && <Icon name="warning" size="small" />}
          <span>{words}</span>
        </span>
        <span class="look-marks-open">Characters</span>
      </summary>
      {direction !== "right" && twin !== null && <p>{twin}</p>}
      <ol class="code-points" aria-label="Characters in their order">
        {points.map(({ point, text: part, kind }, index) => (
          <li key={index}>
            <span class="mono">{point ?? ""}</span>
            <bdi class="mono" dir="ltr">
              <Characters segments={visibleSegments(part)} />
            </bdi>
            <span>{kind}</span>
          </li>
        ))}
      </ol>
      {shown < text.length && <p>{text.length - shown} more aren't listed.</p>}
    </details>
  );
}

/** The end of an id as `idTail` writes it, where it stands in words of ours. */
const ID_TAIL = /(…[0-9a-z]{6})(?![0-9a-z])/;

/**
 * Words of ours in which names stand: the ends of ids are set apart, so that a name written from
 * right to left does not turn one around and make it another's; and addresses and
 * numbers of requests stand whole.
 */
export function Words({ text }: { readonly text: string }) {
  return (
    <bdi class="untrusted" dir="ltr">
      {text.split(ID_TAIL).map((part, at) =>
        at % 2 === 1
          ? <Name key={at} kind="id" text={part} />
          : inWholes(part).map((words, index) =>
            isWhole(words)
              ? (
                <span key={`${at} ${index}`} class="whole">
                  <Characters segments={visibleSegments(words)} />
                </span>
              )
              : <Characters key={`${at} ${index}`} segments={visibleSegments(words)} />
          )
      )}
    </bdi>
  );
}

/** Whether a word is an address or a request's number, with what stands close around it. */
function isWhole(word: string): boolean {
  return !/\s/.test(word) && (word.includes("@") || /\bREF-[0-9A-Z]{8}-[0-9A-Z]{4}\b/.test(word));
}

/** A text in parts, each one that stands whole or what is between two of them. */
function inWholes(text: string): string[] {
  const parts: string[] = [];
  for (const word of text.split(/(\s+)/)) {
    const last = parts.at(-1);
    if (last === undefined || isWhole(word) || isWhole(last)) parts.push(word);
    else parts[parts.length - 1] = last + word;
  }
  return parts.filter((part) => part !== "");
}

/** What a name names, as its icon shows. */
const NAMED: Readonly<Partial<Record<string, IconName>>> = {
  agent: "agent",
  api_key: "key",
  oauth_grant: "link",
  tenant: "building",
  resource: "resource",
};

/** A name within a sentence, set apart from our own words, with the icon of what it names; or `id`. */
export function Name({ kind, text }: { readonly kind: string; readonly text: string }) {
  const icon = NAMED[kind];
  if (kind === "id") return <bdi class="id-tail" dir="ltr">{text}</bdi>;
  return (
    <b class="name">
      {icon !== undefined && <Icon name={icon} size="small" />}
      <UntrustedText text={text} mono={kind === "tool" || kind === "method"} />
    </b>
  );
}

/** What asks: its icon, its name, and the end of its id, by which two of one name are told apart. */
export function MachineName({ type, id, name }: {
  readonly type: "agent" | "api_key" | "oauth_grant";
  readonly id: string;
  readonly name: string;
}) {
  return (
    <span class="machine-name">
      {type === "oauth_grant" ? <ProgramName name={name} /> : <Name kind={type} text={name} />}{" "}
      <Name kind="id" text={idTail(id)} />
    </span>
  );
}

/**
 * What a program calls itself, in quotation marks that nothing in it can close: it chose the name, and
 * may have chosen a sentence that reads like one of ours.
 */
export function ProgramName({ name }: { readonly name: string }) {
  return (
    <span class="program-name">
      “<UntrustedText text={withinQuotes(name)} />”
    </span>
  );
}

/** From so many digits on, a number is easier to read in groups. */
const GROUPED = 5;

/** A number in groups of three digits, set apart by space alone: a copy of it has none. */
export function Digits({ text }: { readonly text: string }) {
  const [, sign = "", digits = "", rest = ""] = /^(-?)(\d+)(.*)$/.exec(text) ?? [];
  if (digits.length < GROUPED) return <>{text}</>;
  const groups = digits.match(/\d{1,3}(?=(?:\d{3})*$)/g) ?? [];
  return (
    <span class="digits">
      {sign}
      {groups.map((group, index) => <span key={index} class="digit-group">{group}</span>)}
      {rest}
    </span>
  );
}
