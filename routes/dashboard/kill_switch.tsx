import type { ComponentChildren } from "preact";
import { Button, type ButtonProps } from "../../components/button.tsx";
import { TextField } from "../../components/fields.tsx";
import { FieldErrors, Form } from "../../components/form.tsx";
import { Notice, SheetActions } from "../../components/layout.tsx";
import { UntrustedText } from "../../components/untrusted.tsx";
import { attempted } from "./attempted.ts";
import type { Attempt } from "./page.ts";

/**
 * What every kill switch has on its page, be it an agent's, a tool's or the organization's: the form
 * that throws it, why it was thrown, and how it is released.
 */

/** Throws a kill switch, with a reason if there is one. */
export function StopForm({ does, attempt, label, icon = "power", shown = "on this page" }: {
  /** The action of the page. */
  readonly does: string;
  readonly attempt: Attempt | null;
  /** Of the button. */
  readonly label: ComponentChildren;
  readonly icon?: NonNullable<ButtonProps["icon"]>;
  /** Where the reason will stand. */
  readonly shown?: string;
}) {
  const form = attempted(attempt, does);
  return (
    <Form do={does} layout="stack">
      <FieldErrors errors={form.errors} />
      <TextField
        name="reason"
        label="Reason"
        hint={`For your colleagues. It is shown ${shown}.`}
        value={form.value("reason")}
        error={form.error("reason")}
        maxLength={500}
        optional
      />
      <SheetActions>
        <Button variant="danger" icon={icon}>{label}</Button>
      </SheetActions>
    </Form>
  );
}

/** Why a kill switch was thrown; nothing where nobody said. */
export function StopReason({ reason }: { readonly reason: string | null }) {
  return reason === null ? null : (
    <p>
      Reason: <UntrustedText text={reason} />
    </p>
  );
}

/** That something is stopped, why, and the form that releases it for who may. */
export function StoppedNotice({ title, reason, release, attempt, children }: {
  readonly title: string;
  readonly reason: string | null;
  /** The words of the button; null for who may not. */
  readonly release: string | null;
  readonly attempt: Attempt | null;
  /** What it means, and who releases it. */
  readonly children: ComponentChildren;
}) {
  return (
    <Notice
      tone="danger"
      live={false}
      title={title}
      actions={release !== null && (
        <Form do="release">
          <Button>{release}</Button>
        </Form>
      )}
    >
      <p>{children}</p>
      <StopReason reason={reason} />
      <FieldErrors errors={attempted(attempt, "release").errors} />
    </Notice>
  );
}
