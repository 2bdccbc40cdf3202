import type { ComponentChildren, VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { quickReasonText } from "../lib/sheet/sentence.ts";
import { QUICK_REASONS } from "../lib/store/records/vocabulary.ts";
import { Button } from "./button.tsx";
import { CheckboxField } from "./choices.tsx";
import { areShortcutsOn } from "./page_key.ts";

/**
 * What is said with a denial: why, in a word or in a note, and whether who asked is stopped. As a
 * sheet over the page, or without script as a page.
 */

export interface DenyFieldsProps {
  /** How many requests are denied. */
  readonly count: number;
  /** Whether this member may stop the agents that asked, of which there is one at least. */
  readonly mayPause: boolean;
  /** What was typed where the form was refused. */
  readonly note?: string;
  /** The way back without denying. */
  readonly cancel: VNode;
  /** The hidden fields of the form. */
  readonly children: ComponentChildren;
}

/** The form that denies. No reason is chosen beforehand, and none is needed. */
export function DenyFields({ count, mayPause, note = "", cancel, children }: DenyFieldsProps) {
  return (
    <>
      {children}
      <fieldset class="deny-reasons">
        <legend class="field-label">Why</legend>
        {QUICK_REASONS.map((reason, at) => (
          <label key={reason} class="deny-reason">
            <input type="radio" name="quick_reason" value={reason} />
            <span>{quickReasonText(reason)}</span>
            <kbd aria-hidden="true">{at + 1}</kbd>
          </label>
        ))}
      </fieldset>
      <div class="field">
        <label class="field-label" for="deny-note">
          Note <span class="field-optional">optional</span>
        </label>
        <textarea
          id="deny-note"
          name="note"
          class="input"
          rows={2}
          maxLength={1000}
          defaultValue={note}
        />
      </div>
      {mayPause && (
        <CheckboxField
          name="pause"
          label={count === 1 ? "Pause the agent too" : "Pause the agents too"}
          hint={`All ${count === 1 ? "it asks" : "they ask"} is refused until an owner resumes ${
            count === 1 ? "it" : "them"
          }.`}
        />
      )}
      <div class="sheet-actions">
        {cancel}
        <Button variant="danger">
          {denyWords(count)} <kbd aria-hidden="true">Enter</kbd>
        </Button>
      </div>
    </>
  );
}

/** What the button of a denial says. */
export function denyWords(count: number): string {
  return count === 1 ? "Deny" : `Deny ${count}`;
}

export interface DenySheetProps extends Omit<DenyFieldsProps, "cancel"> {
  readonly title: ComponentChildren;
  /** What it is about, and what follows. */
  readonly lead: ComponentChildren;
  /** Where the form is sent; to the page itself when absent. */
  readonly action?: string;
  readonly onClose: () => void;
}

/**
 * The same over the page. The keys 1 to 6 choose a reason, Enter denies, in the note with Ctrl, and
 * Escape goes back to where the focus was.
 */
export function DenySheet({ title, lead, action, onClose, ...fields }: DenySheetProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const form = useRef<HTMLFormElement>(null);
  // Before the next key: it is the sheet's already.
  useLayoutEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      class="sheet confirmation"
      aria-labelledby="sheet-title"
      onClose={onClose}
      onClick={(event) => {
        // The sheet fills its dialog: what is hit outside of it is the ground behind.
        if (event.target === dialog.current) dialog.current?.close();
      }}
      onKeyDown={(event) => {
        const inNote = event.target instanceof HTMLTextAreaElement;
        const isModified = event.ctrlKey || event.metaKey;
        if (event.key === "Enter" && isModified === inNote && !isButton(event.target)) {
          event.preventDefault();
          form.current?.requestSubmit();
        }
        if (inNote || isModified || event.altKey || !areShortcutsOn()) return;
        const reason = QUICK_REASONS[Number(event.key) - 1];
        if (reason === undefined) return;
        const box = form.current?.querySelector<HTMLInputElement>(`[value="${reason}"]`);
        box?.click();
        box?.focus();
      }}
    >
      <form ref={form} method="post" action={action} class="form form-stack">
        <div>
          <h2 id="sheet-title" tabIndex={-1} autofocus>{title}</h2>
          <p class="quiet small">{lead}</p>
        </div>
        <DenyFields
          {...fields}
          cancel={
            <Button type="button" onClick={() => dialog.current?.close()}>
              Cancel <kbd aria-hidden="true">Esc</kbd>
            </Button>
          }
        />
      </form>
    </dialog>
  );
}

function isButton(target: EventTarget | null): boolean {
  return target instanceof HTMLButtonElement;
}
