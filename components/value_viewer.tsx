import { type ComponentChildren, createContext } from "preact";
import { useContext, useEffect, useRef, useState } from "preact/hooks";
import { directionOf } from "../lib/base/direction.ts";
import { visibleSegments } from "../lib/base/text.ts";
import {
  type Language,
  languageOf,
  type LoudWord,
  loudWords,
  type Token,
  tokensOf,
} from "../lib/sheet/value_language.ts";
import { characterCount, foldedLines, sizeWords, textLines } from "../lib/sheet/value_lines.ts";
import CopyButton from "./copy_button.tsx";
import { Icon } from "./icon.tsx";
import { Characters, LookMarks } from "./untrusted.tsx";

/**
 * One long value, all of it: numbered lines, quiet colours, how long it is, how far it was read.
 * Colours and numbers stand beside the characters, which are those that were sent.
 */

/** Tells how many lines of a viewer have been on the screen. */
export interface ReadingProgress {
  /** Calls `tell` now and whenever the number changes, until what is returned is called. */
  follow(lines: HTMLElement, tell: (read: number) => void): () => void;
}

/** Whoever notes what was seen; null where nobody does, as on a page without script. */
export const ReadingContext = createContext<ReadingProgress | null>(null);

export interface ViewerProps {
  /** What it is: the member's name. */
  readonly title: ComponentChildren;
  /** More about it: its language, its size. */
  readonly about: ComponentChildren;
  /** What Copy copies; without it there is no Copy. */
  readonly copied?: { readonly text: string; readonly name: string };
  /** Of the whole page; where it is given and there are many lines, a link leads to the end. */
  readonly id: string | null;
  /** What it is called where a reader is sent to it. */
  readonly name: string;
  /** How many lines `children` stand for. */
  readonly total: number;
  /** What the foot says of it. */
  readonly note?: ComponentChildren;
  /** What the reader may open below. */
  readonly more?: ComponentChildren;
  /** The lines, each with `data-to`: how many lines are read with it. */
  readonly children: ComponentChildren;
}

/** More lines than a screen shows: worth a way to the end. */
const MANY_LINES = 30;

/** The frame of a long value: its head says what and how much, its foot how far it was read. */
export function Viewer(props: ViewerProps) {
  const { title, about, copied, id, name, total, note, more, children } = props;
  const lines = useRef<HTMLPreElement>(null);
  const end = id !== null && total > MANY_LINES ? `${id}-end` : null;
  return (
    <figure class="viewer">
      <figcaption class="viewer-head">
        <span class="viewer-title">{title}</span>
        <span class="viewer-about">{about}</span>
        {end !== null && <a class="viewer-jump" href={`#${end}`}>To the end</a>}
        {copied !== undefined && <CopyButton text={copied.text} label="Copy" of={copied.name} />}
      </figcaption>
      <pre class="viewer-lines" dir="ltr" data-lines={name} ref={lines}>{children}</pre>
      <div class="viewer-foot" id={end ?? undefined}>
        {note}
        <ReadMark lines={lines} total={total} />
      </div>
      {more}
    </figure>
  );
}

/** How far a viewer was read; nothing where nobody notes it. */
function ReadMark({ lines, total }: {
  readonly lines: { readonly current: HTMLElement | null };
  readonly total: number;
}) {
  const progress = useContext(ReadingContext);
  const [read, setRead] = useState<number | null>(null);
  useEffect(() => {
    if (progress === null || lines.current === null) return;
    return progress.follow(lines.current, setRead);
  }, [progress, total]);
  if (read === null) return null;
  if (read >= total) {
    return (
      <span class="viewer-read viewer-seen">
        <Icon name="check" size="small" />Seen
      </span>
    );
  }
  return (
    <span class="viewer-read">
      {read === 0 ? "Not read yet" : `Read to line ${read} of ${total}`}
    </span>
  );
}

/** One long text. */
export function TextViewer({ name, title, text, id, note }: {
  readonly name: string;
  readonly title: ComponentChildren;
  readonly text: string;
  readonly id: string | null;
  /** What else is to be said of it. */
  readonly note?: ComponentChildren;
}) {
  const { lines, crlf } = textLines(text);
  const language = languageOf(name, text);
  return (
    <Viewer
      title={title}
      about={`${language === null ? "" : `${language}, `}${
        sizeWords(lines.length, characterCount(text))
      }${crlf ? ", lines end with CR LF" : ""}`}
      copied={{ text, name }}
      id={id}
      name={name === "" ? "the text" : name}
      total={lines.length}
      note={
        <>
          <LoudWords words={loudWords(language, lines)} language={language} />
          {note}
        </>
      }
      more={<LookMarks text={turnedLines(lines)} />}
    >
      <TextLines text={text} language={language} />
    </Viewer>
  );
}

/** The lines that hold letters which run from right to left. */
export function turnedLines(lines: readonly string[]): string {
  return lines.filter((line) => directionOf(line) !== "right").join("\n");
}

/** The lines of a text, numbered, those that repeat folded. */
export function TextLines({ text, language = null }: {
  readonly text: string;
  readonly language?: Language | null;
}) {
  const { lines, crlf } = textLines(text);
  const coloured = tokenLines(tokensOf(language, text), crlf);
  return foldedLines(lines).map((shown) =>
    shown.fold
      ? (
        <span key={shown.from} class="viewer-fold" data-to={shown.to}>
          Lines {shown.from} to {shown.to} are the same as line {shown.from - 1}
          {"\n"}
        </span>
      )
      : (
        <span key={shown.number} class="viewer-line" data-n={shown.number} data-to={shown.number}>
          {(coloured[shown.number - 1] ?? []).map(({ kind, text: part }, index) =>
            kind === "plain"
              ? <Characters key={index} segments={visibleSegments(part)} />
              : (
                <span key={index} class={`code-${kind}`}>
                  <Characters segments={visibleSegments(part)} />
                </span>
              )
          )}
          {"\n"}
        </span>
      )
  );
}

/** Tokens by the lines in which they stand. */
function tokenLines(tokens: readonly Token[], crlf: boolean): Token[][] {
  const lines: Token[][] = [[]];
  for (const { kind, text } of tokens) {
    for (const [at, part] of text.split("\n").entries()) {
      if (at > 0) lines.push([]);
      const shown = crlf ? part.replace("\r", "") : part;
      if (shown !== "") lines.at(-1)?.push({ kind, text: shown });
    }
  }
  return lines;
}

/** More words than these are told by their number. */
const MOST_WORDS = 6;

/** Leads the eye to words that change something. Silence says nothing of a text. */
function LoudWords({ words, language }: {
  readonly words: readonly LoudWord[];
  readonly language: Language | null;
}) {
  if (words.length === 0) return null;
  const listed = words.slice(0, MOST_WORDS).map(({ word, line }) => `${word} in line ${line}`);
  const more = words.length - listed.length;
  return (
    <span class="viewer-flag">
      <Icon name="warning" size="small" />
      <span>
        {language === "SQL" ? "Words that change data" : "Words to look at"}: {listed.join(", ")}
        {more > 0 && `, and ${more} more`}
      </span>
    </span>
  );
}
