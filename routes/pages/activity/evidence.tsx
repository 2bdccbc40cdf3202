import { z } from "zod";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { CodeBlock } from "../../../components/code.tsx";
import CopyButton from "../../../components/copy_button.tsx";
import { TextField } from "../../../components/fields.tsx";
import { FieldErrors, Form } from "../../../components/form.tsx";
import { DangerSection, Definitions, Section, SheetActions } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { rotateLogKeyOperation } from "../../../lib/evidence/rotate_log_key.ts";
import { currentCheckpoint } from "../../../lib/ledger/checkpoints.ts";
import { LogTiles } from "../../../lib/ledger/export.ts";
import { readHead } from "../../../lib/ledger/log_reader.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import { invalidRequest } from "../../../lib/refusal.ts";
import { consistencyProof } from "../../../lib/tlog/proof.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { type Endpoint, memberEndpoint } from "../../dashboard/endpoint.ts";
import { action, type Attempt, memberPage } from "../../dashboard/page.ts";
import { indexField, logExport, timeRange } from "../../fields/log.ts";
import { EVIDENCE, EXPORT_ACTIONS, ExportSection } from "./export.tsx";

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
    <>
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
    </>
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
    <DangerSection
      id="replace-key"
      title="Replace the key of the log"
      open={attempt?.do === "rotate_key"}
      description="The private half of the present key is destroyed. An entry signed by both keys hands
        the log over, so whoever kept the old key can follow; whoever compares fingerprints by eye
        must be told. Asks for your passkey."
    >
      <FieldErrors errors={attempted(attempt, "rotate_key").errors} />
      <Form do="rotate_key">
        <SheetActions>
          <Button variant="danger" icon="key">Replace the key</Button>
        </SheetActions>
      </Form>
    </DangerSection>
  );
}

/** Fetches what ties a checkpoint that was kept to the log of now. */
function ConsistencySection({ size }: { readonly size: number }) {
  return (
    <Section
      title="Compare with a checkpoint that you kept"
      description="A consistency proof ties both: it shows that between them the log did nothing but
        grow. Paste it beside them on the page that checks receipts."
    >
      <form class="form form-stack" method="get" action={`${EVIDENCE}/consistency.json`}>
        <div class="grid-2">
          <TextField
            name="from"
            label="Entries in the older checkpoint"
            hint="Its second line"
            type="number"
            min={0}
            required
          />
          <TextField
            name="to"
            label="Entries in the newer one"
            type="number"
            min={0}
            max={size}
            value={size}
            required
          />
        </div>
        <div>
          <Button icon="download">Download the proof</Button>
        </div>
      </form>
    </Section>
  );
}

const span = z.object(timeRange);

/** The files that the page of checkpoint and export leads to. */
export const evidenceEndpoints: readonly Endpoint[] = [
  memberEndpoint({
    method: "get",
    path: "/activity/evidence/checkpoint.txt",
    needs: "read",
    handle: async (call) => {
      const origin = await call.transact({ plan: ({ snapshot }) => snapshot.org.log_origin });
      const { size, note } = await currentCheckpoint(call.services.deps, call.org, origin);
      return file(note, "text/plain; charset=utf-8", `checkpoint-${size}.txt`);
    },
  }),
  memberEndpoint({
    method: "get",
    path: "/activity/evidence/consistency.json",
    needs: "read",
    query: z.object({ from: indexField("Older size"), to: indexField("Newer size") }),
    handle: async (call) => {
      await call.transact({ plan: () => {} });
      const { services: { deps: { kv } }, org, query: { from, to } } = call;
      const { size } = await readHead(kv, org);
      if (to > size) throw invalidRequest("/to", `is beyond the log, which has ${size} entries`);
      if (from > to) throw invalidRequest("/from", `must be at most the newer size, ${to}`);
      const proof = await consistencyProof(new LogTiles(kv, org, size), from, to);
      const text = JSON.stringify({ from, to, hashes: proof.map((hash) => hash.toHex()) }, null, 2);
      return file(`${text}\n`, "application/json", `consistency-${from}-${to}.json`);
    },
  }),
  memberEndpoint({
    method: "get",
    path: "/activity/evidence/export",
    needs: "read",
    query: span,
    handle: (call) => {
      const { since, until } = call.query;
      return logExport(call, { since, until, withPrivate: false });
    },
  }),
  // A form starts it, which no other site can send: reading private parts is noted in a name.
  memberEndpoint({
    method: "post",
    path: "/activity/evidence/export",
    needs: "export_private",
    query: span,
    handle: (call) => {
      const { since, until } = call.query;
      return logExport(call, { since, until, withPrivate: true });
    },
  }),
];

function file(text: string, type: string, name: string): Response {
  return new Response(text, {
    headers: { "content-type": type, "content-disposition": `attachment; filename="${name}"` },
  });
}
