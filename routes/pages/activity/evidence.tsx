import { z } from "zod";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { CodeBlock } from "../../../components/code.tsx";
import CopyButton from "../../../components/copy_button.tsx";
import { Definitions } from "../../../components/definitions.tsx";
import { FieldErrors } from "../../../components/field_errors.tsx";
import { Form } from "../../../components/form.tsx";
import { PageHeader } from "../../../components/layout.tsx";
import { Section } from "../../../components/section.tsx";
import { rotateLogKeyOperation } from "../../../lib/evidence/rotate_log_key.ts";
import { currentCheckpoint } from "../../../lib/ledger/checkpoints.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { action, type Attempt, memberPage } from "../../dashboard/page.ts";
import { ConsistencySection } from "../evidence_consistency.tsx";
import { EVIDENCE } from "../evidence_path.ts";
import { EXPORT_ACTIONS, ExportSection } from "./export.tsx";

type Call = MemberCall;

/** What proves the log to somebody who does not trust this server. */
export const evidencePage = memberPage({
  path: EVIDENCE,
  title: "Checkpoint and export",
  section: "activity",
  needs: "read",
  load: async (call: Call) => {
    const { services, org, caller } = call;
    const origin = await call.transact({ plan: ({ snapshot }) => snapshot.org.log_origin });
    const { size, note, key } = await currentCheckpoint(services.deps, org, origin);
    return {
      org,
      size,
      note,
      fingerprint: key.kid,
      mayExportPrivate: hasRight(caller.role, "export_private"),
      mayRotate: hasRight(caller.role, "configure"),
    };
  },
  view: ({ data, attempt }) => (
    <div class="stack">
      <PageHeader
        title="Checkpoint and export"
        description="What you take away from here proves the log later, whatever happens to this server."
        breadcrumb={[{ label: "Activity", href: "/activity" }]}
        actions={<ButtonLink href="/verify" icon="shield">Check a receipt</ButtonLink>}
      />
      <CheckpointSection {...data} />
      <ExportSection mayExportPrivate={data.mayExportPrivate} attempt={attempt} />
      <ConsistencySection size={data.size} />
      {data.mayRotate && <RotateSection attempt={attempt} />}
    </div>
  ),
  actions: {
    ...EXPORT_ACTIONS,
    rotate_key: action(z.strictObject({}), async (call: Call) => {
      const { deps } = call.services;
      const { key } = await call.transact(rotateLogKeyOperation(deps, call.client), "configure");
      return {
        to: EVIDENCE,
        notice:
          `The log has a new key. Its fingerprint is ${key.kid}: keep it where you kept the ` +
          "old one.",
      };
    }, "configure"),
  },
});

function CheckpointSection({ org, note, size, fingerprint }: {
  readonly org: string;
  readonly note: string;
  readonly size: number;
  readonly fingerprint: string;
}) {
  return (
    <Section
      title="Checkpoint of this moment"
      description={`The signed head of the log: ${size} entries, none of which can change from now on
        without this note telling.`}
      actions={
        <ButtonLink href={`${EVIDENCE}/checkpoint.txt`} icon="download" download>
          Download
        </ButtonLink>
      }
    >
      <CodeBlock
        code={note}
        label="Signed note"
        copy={<CopyButton text={note} label="Copy" />}
        wrap
      />
      <p>
        Keep one outside of this server now and then: in a mail to yourself, in a repository, on
        paper. Who sets the store back to an old state un-spends run tokens and un-revokes keys, and
        the log that goes with it looks whole. Only a checkpoint kept elsewhere shows it.
      </p>
      <Definitions
        items={[
          { term: "Key fingerprint", value: fingerprint, mono: true },
          {
            term: "Keys of the log",
            value: (
              <a href={`/.well-known/countersign/keys/${org}`} download={`${org}-keys.json`}>
                Download the keys file
              </a>
            ),
          },
        ]}
      />
      <p class="quiet">
        Note the fingerprint where others can compare it. With it anybody can check receipts without
        asking this server.
      </p>
    </Section>
  );
}

function RotateSection({ attempt }: { readonly attempt: Attempt | null }) {
  return (
    <Section
      title="Replace the key of the log"
      look="danger"
      description="The private half of the present key is destroyed. An entry signed by both keys hands
        the log over, so whoever kept the old key can follow; whoever compares fingerprints by eye
        must be told. Asks for your passkey."
    >
      <FieldErrors errors={attempted(attempt, "rotate_key").errors} />
      <Form do="rotate_key">
        <Button variant="danger" icon="key">Replace the key</Button>
      </Form>
    </Section>
  );
}
