import { visibleSegments } from "../lib/base/text.ts";
import type { Edit } from "../lib/sheet/edits.ts";
import { type DiffRow, lineDiff, type Patch } from "../lib/sheet/line_diff.ts";
import { counted } from "../lib/sheet/value_lines.ts";
import { Characters, LookMarks, UntrustedText } from "./untrusted.tsx";
import { TextLines, turnedLines, Viewer } from "./value_viewer.tsx";

/**
 * An edit as the lines that go and the lines that come. Lines that stay are all shown: who asks
 * wrote both texts, and what stays in them is run like what comes. What was sent stands below, raw.
 */

/** The edits that one value makes, each line by line. */
export function EditsViewer({ name, path, edits, id }: {
  /** Of the member that holds them, empty for an element; null for an edit that is two members. */
  readonly name: string | null;
  /** The file that they change, where the call names one. */
  readonly path: string | null;
  readonly edits: readonly Edit[];
  readonly id: string | null;
}) {
  const diffs = edits.map((edit) => ({ edit, diff: lineDiff(edit) }));
  const total = diffs.reduce(
    (sum, { edit, diff }) => sum + (diff?.rows.length ?? rawLines(edit)),
    0,
  );
  const counts = { added: 0, removed: 0 };
  for (const { diff } of diffs) {
    counts.added += diff?.added ?? 0;
    counts.removed += diff?.removed ?? 0;
  }
  const known = diffs.every(({ diff }) => diff !== null);
  const pairs = [...new Map(edits.map(({ names }) => [names[0], names])).values()];
  let read = 0;
  return (
    <Viewer
      title={path === null
        ? <UntrustedText text={name || "Edit"} mono={name !== null} />
        : <UntrustedText text={path} mono />}
      about={
        <>
          {name !== null && <>{counted(edits.length, "edit")}</>} {known && <Counts {...counts} />}
        </>
      }
      id={id}
      name={path ?? (name || "the edit")}
      total={total}
      note={
        <span>
          {name !== null && name !== "" && (
            <>
              <code>{name}</code>:{" "}
            </>
          )}
          from {pairs.map(([before, after]) => (
            <span key={before}>
              <code>{before}</code> to <code>{after}</code>
            </span>
          ))}
          {diffs.some(({ edit, diff }) => diff !== null && differsInSpaceOnly(edit)) &&
            ". Only white space differs"}
        </span>
      }
      more={
        <>
          <LookMarks text={turnedLines(textsOf(edits).flatMap((text) => text.split("\n")))} />
          <Raw
            parts={edits.flatMap(({ names, before, after }) => [
              { name: names[0], text: before },
              { name: names[1], text: after },
            ])}
          />
        </>
      }
    >
      {diffs.map(({ edit, diff }, index) => {
        const from = read;
        read += diff?.rows.length ?? rawLines(edit);
        return (
          <>
            {edits.length > 1 && (
              <span class="viewer-hunk">
                Edit {index + 1} of {edits.length}
                {"\n"}
              </span>
            )}
            {diff === null ? <Apart edit={edit} /> : <DiffRows rows={diff.rows} from={from} />}
          </>
        );
      })}
    </Viewer>
  );
}

/** A unified patch as what it is, every line of it. */
export function PatchViewer({ name, patch, text, id }: {
  readonly name: string;
  readonly patch: Patch;
  readonly text: string;
  readonly id: string | null;
}) {
  return (
    <Viewer
      title={patch.path === null
        ? <UntrustedText text={name} mono />
        : <UntrustedText text={patch.path} mono />}
      about={<Counts added={patch.added} removed={patch.removed} />}
      copied={{ text, name }}
      id={id}
      name={name}
      total={patch.rows.length}
      note={
        <span>
          Patch in <code>{name}</code>
        </span>
      }
      more={
        <>
          <LookMarks text={turnedLines(text.split("\n"))} />
          <Raw parts={[{ name, text }]} />
        </>
      }
    >
      <DiffRows rows={patch.rows} from={0} />
    </Viewer>
  );
}

function Counts({ added, removed }: { readonly added: number; readonly removed: number }) {
  return (
    <span class="diff-counts">
      <span class="visually-hidden">Lines added:</span>+{added}{" "}
      <span class="visually-hidden">, removed:</span>−{removed}
    </span>
  );
}

const SIGNS = { same: "", removed: "Removed: ", added: "Added: ", about: "" } as const;

function DiffRows({ rows, from }: { readonly rows: readonly DiffRow[]; readonly from: number }) {
  return rows.map(({ kind, number, parts }, index) => (
    <span
      key={index}
      class={kind === "about" ? "viewer-hunk viewer-about-line" : `viewer-line diff-${kind}`}
      data-n={number ?? undefined}
      data-to={from + index + 1}
    >
      {SIGNS[kind] !== "" && <span class="visually-hidden">{SIGNS[kind]}</span>}
      {parts.map(({ text, changed }, part) => {
        const characters = <Characters key={part} segments={visibleSegments(text)} />;
        if (!changed) return characters;
        return kind === "added"
          ? <ins key={part}>{characters}</ins>
          : <del key={part}>{characters}</del>;
      })}
      {"\n"}
    </span>
  ));
}

/** Both texts, where they differ in too much to be lined up. */
function Apart({ edit: { names, before, after } }: { readonly edit: Edit }) {
  return (
    <>
      {[{ name: names[0], text: before }, { name: names[1], text: after }].map(({ name, text }) => (
        <>
          <span class="viewer-hunk">
            {name}: too many lines differ to show which
            {"\n"}
          </span>
          <TextLines text={text} />
        </>
      ))}
    </>
  );
}

function textsOf(edits: readonly Edit[]): string[] {
  return edits.flatMap(({ before, after }) => [before, after]);
}

function rawLines({ before, after }: Edit): number {
  return before.split("\n").length + after.split("\n").length;
}

function differsInSpaceOnly({ before, after }: Edit): boolean {
  return before !== after && before.replace(/\s+/g, "") === after.replace(/\s+/g, "");
}

/** What was sent, character by character. To be opened: the lines above hold all of it. */
function Raw({ parts }: {
  readonly parts: readonly { readonly name: string; readonly text: string }[];
}) {
  return (
    <details class="viewer-raw" data-optional>
      <summary>Raw</summary>
      {parts.map(({ name, text }, index) => (
        <div key={index}>
          <p class="viewer-raw-name">
            <code>{name}</code>
          </p>
          <pre class="viewer-lines" dir="ltr"><TextLines text={text} /></pre>
        </div>
      ))}
    </details>
  );
}
