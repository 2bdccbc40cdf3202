import { Button } from "../../../components/button.tsx";
import { fieldId, TextField } from "../../../components/fields.tsx";
import { FieldErrors, Form } from "../../../components/form.tsx";
import { DangerSection, Notice, Section, SheetActions } from "../../../components/layout.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import type { OrgRecord } from "../../../lib/store/records/policy.ts";
import { attempted } from "../../dashboard/attempted.ts";
import { StopForm } from "../../dashboard/kill_switch.tsx";
import type { Attempt } from "../../dashboard/page.ts";

const STOPS = "Stops everything at once: every check of every tool is refused from the next call " +
  "on, nothing is minted, and unspent run tokens count for nothing. Only an owner can release it, " +
  "under their passkey.";

/** The kill switch of the org: thrown here, and released. */
export function KillSwitchSection({ org, mayStop, mayRelease, attempt }: {
  readonly org: OrgRecord;
  readonly mayStop: boolean;
  readonly mayRelease: boolean;
  readonly attempt: Attempt | null;
}) {
  const { active, reason } = org.kill_switch;
  if (!active && mayStop) {
    return (
      <DangerSection
        id="kill-switch"
        state="Kill switch off"
        title="Stop everything"
        open={attempt?.do === "stop"}
        description={STOPS}
      >
        <StopForm does="stop" attempt={attempt} label="Stop everything" shown="here" />
      </DangerSection>
    );
  }
  return (
    <Section title="Kill switch" id="kill-switch" description={STOPS}>
      {active
        ? <Stopped reason={reason} mayRelease={mayRelease} attempt={attempt} />
        : <p class="quiet">It is off. Approvers, admins and owners can throw it.</p>}
    </Section>
  );
}

function Stopped({ reason, mayRelease, attempt }: {
  readonly reason: string | null;
  readonly mayRelease: boolean;
  readonly attempt: Attempt | null;
}) {
  return (
    <div class="stack">
      <Notice tone="danger" live={false} title="It is on">
        {reason === null ? "No reason was given." : <UntrustedText text={reason} />}
      </Notice>
      <FieldErrors errors={attempted(attempt, "release").errors} />
      {mayRelease && (
        <Form do="release">
          <Button icon="power">Release it: rules decide again</Button>
        </Form>
      )}
    </div>
  );
}

/** Tells the name that is typed here from the name in the settings of the same page. */
const DELETE_NAME = "delete_name";

/** The end of the org. */
export function DeleteSection({ org, attempt }: {
  readonly org: OrgRecord;
  readonly attempt: Attempt | null;
}) {
  const form = attempted(attempt, "delete_org");
  return (
    <DangerSection
      id="delete"
      title="Delete this organization"
      open={attempt?.do === "delete_org"}
      description="It can't be taken back."
    >
      <div class="prose">
        <ul>
          <li>
            At once: every key, agent, session and invitation of it is refused, for everybody, and
            requests that wait are cancelled.
          </li>
          <li>
            Within 30 days: addresses, names, reasons, arguments and everything else that is
            personal is erased; a week from now, as things go.
          </li>
          <li>
            What stays is the bare log, so that receipts and checkpoints that others hold still
            verify.
          </li>
        </ul>
      </div>
      <Form do="delete_org" layout="stack">
        <FieldErrors
          errors={form.errors.map((error) =>
            error.name === "name" ? { ...error, name: DELETE_NAME } : error
          )}
        />
        <TextField
          name="name"
          id={fieldId(DELETE_NAME)}
          label={
            <>
              Type its name, <UntrustedText text={org.name} />, to confirm
            </>
          }
          value={form.value("name")}
          error={form.error("name")}
          autoComplete="off"
          required
        />
        <p class="quiet small">It asks for your passkey.</p>
        <SheetActions>
          <Button variant="danger" icon="trash">Delete the organization</Button>
        </SheetActions>
      </Form>
    </DangerSection>
  );
}
