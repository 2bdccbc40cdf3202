import { z } from "zod";
import { Button } from "../../../components/button.tsx";
import { CheckboxField } from "../../../components/choices.tsx";
import { TextField } from "../../../components/fields.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { Section } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { absoluteWords } from "../../../components/time.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { READING_PRIVATE } from "../../../lib/evidence/receipts.ts";
import { demand } from "../../../lib/identity/deeds.ts";
import { DAY_MS } from "../../../lib/ledger/entry.ts";
import { invalidRequest } from "../../../lib/refusal.ts";
import { taskCommand } from "../../../lib/store/system.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { checkbox, optional } from "../../dashboard/form.ts";
import { action, type Attempt } from "../../dashboard/page.ts";
import { exportRange } from "../../fields/log.ts";

const day = optional(
  z.iso.date("must be a day such as 2026-01-31").transform((text) => Date.parse(text)),
);

interface Span {
  /** Milliseconds, included; null from the beginning. */
  readonly since: number | null;
  /** Milliseconds, not included; null up to now. */
  readonly until: number | null;
}

export const EXPORT_ACTIONS = {
  export: action(
    z.strictObject({ since: day, until: day, private: checkbox }),
    async (call: MemberCall, form) => {
      // The last day is part of what is asked for.
      const span = { since: form.since, until: form.until === null ? null : form.until + DAY_MS };
      if (span.since !== null && span.until !== null && span.until <= span.since) {
        throw invalidRequest("/until", "must not be before the first day");
      }
      if (!form.private) return { to: exportPath(span) };
      await call.transact({
        plan: (_, caller) => demand(caller, "read_private", READING_PRIVATE),
      }, "export_private");
      const { from, to } = await exportRange(call, {
        since: span.since ?? undefined,
        until: span.until ?? undefined,
      });
      return {
        title: "Export with private parts",
        show: <ReadyPage span={span} count={to - from} />,
      };
    },
  ),
};

/** The form that a copy of the log is asked for with. */
export function ExportSection({ mayExportPrivate, attempt }: {
  readonly mayExportPrivate: boolean;
  readonly attempt: Attempt | null;
}) {
  const form = attempted(attempt, "export");
  return (
    <Section
      title="Export the log"
      description={"One entry a line, as JSON (NDJSON). The whole log, without days, can be verified " +
        `offline: ${taskCommand("verify")} tells how.`}
    >
      <Form do="export" layout="stack">
        <FieldErrors errors={form.errors} />
        <div class="grid-2">
          <TextField
            name="since"
            label="From day (UTC)"
            type="date"
            value={form.value("since")}
            error={form.error("since")}
            optional
          />
          <TextField
            name="until"
            label="To day (UTC)"
            type="date"
            value={form.value("until")}
            error={form.error("until")}
            optional
          />
        </div>
        {mayExportPrivate && (
          <CheckboxField
            name="private"
            label="With private parts"
            hint="Addresses, reasons, arguments, notes, in plain text. Asks for your passkey; the log
              notes that you read them."
            checked={form.checked("private")}
            error={form.error("private")}
          />
        )}
        <FormActions>
          <Button icon="download">Export</Button>
        </FormActions>
      </Form>
    </Section>
  );
}

/** An export that was confirmed, to be fetched by a form: no link of another site starts it. */
function ReadyPage({ span, count }: { readonly span: Span; readonly count: number }) {
  const { since, until } = span;
  return (
    <>
      <PageHeader
        title="Export with private parts"
        breadcrumb={[{ label: "Checkpoint and export", href: EVIDENCE }]}
      />
      <Section
        title="Ready to download"
        description={`${count} entries, ${
          since === null ? "from the first one" : `from ${absoluteWords(since)}`
        } ${until === null ? "to the newest" : `to ${absoluteWords(until)}`}.`}
      >
        <p>
          The file holds personal data and what agents were given, readable by whoever has it. Keep
          it as you keep such things, and delete it when it has served. The download must start
          within five minutes of your passkey.
        </p>
        <form method="post" action={exportPath(span)}>
          <Button variant="primary" icon="download">Download</Button>
        </form>
      </Section>
    </>
  );
}

function exportPath({ since, until }: Span): string {
  return pagePath("/activity/evidence/export", {
    since: since === null ? null : new Date(since).toISOString(),
    until: until === null ? null : new Date(until).toISOString(),
  });
}

/** The address of the page with checkpoint and export; its downloads are below it. */
export const EVIDENCE = "/activity/evidence";
