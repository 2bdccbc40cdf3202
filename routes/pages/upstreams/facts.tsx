import { Button } from "../../../components/button.tsx";
import { Form } from "../../../components/form.tsx";
import { Definitions, Notice } from "../../../components/layout.tsx";
import { Time } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import type { SeenUpstream } from "../../../lib/gateway/upstreams.ts";
import type { UpstreamDocument, UpstreamRecord } from "../../../lib/store/records/upstream.ts";
import type { NotListed } from "../../../lib/upstreams/port.ts";
import type { Attempt } from "../../dashboard/page.ts";
import { placeOf } from "../calls/parts.tsx";

/** An upstream as it was last found. */

/** What to do when an upstream couldn't be asked. */
const NEXT_STEPS: Readonly<Record<NotListed["why"], string>> = {
  unreachable: "See that it runs, and that this host gets there. Then ask it again.",
  unauthorized:
    "It wants to know who calls. Put a credential for it into the vault, or rotate the one that is " +
    "there, then ask again.",
  needs_reconnect: "Connect its credential under Credentials, then ask again.",
  session_lost: "It was restarted, it seems. Ask it again.",
  busy: "It has as much to do as it takes. Ask it again in a minute.",
  stopped: "Ask it again.",
  malformed: "Look whether the URL is the one of its MCP endpoint. If it is, tell whoever runs it.",
  too_large: "Have it offer fewer tools, or smaller ones, then ask again.",
};

function nextStep(why: string): string {
  const steps: Readonly<Record<string, string>> = NEXT_STEPS;
  return Object.hasOwn(steps, why) ? steps[why] ?? "" : "Ask it again.";
}

/** What keeps an upstream from being of use, and what to do about it. */
export function Troubles({ upstream: { record, state }, mayConfigure, attempt, now }: {
  readonly upstream: SeenUpstream;
  readonly mayConfigure: boolean;
  readonly attempt: Attempt | null;
  readonly now: number;
}) {
  const error = state?.last_error ?? null;
  return (
    <>
      {attempt?.do === "refresh" && <Notice tone="danger">{attempt.message}</Notice>}
      {record.status === "paused" && (
        <Notice
          tone="warning"
          live={false}
          title="Paused: nothing of it runs"
          actions={mayConfigure && (
            <Form do="resume" hidden={{ seen: String(record.updated_at) }}>
              <Button size="small" icon="passkey">Let it go on</Button>
            </Form>
          )}
        >
          {attempt?.do === "resume"
            ? <UntrustedText text={attempt.message} />
            : "Calls are refused until it goes on, which asks for a passkey."}
        </Notice>
      )}
      {error !== null && record.status === "active" && (
        <Notice tone="danger" live={false} title="It couldn't be asked what it offers">
          <p>
            <UntrustedText text={error.says} /> <Time at={error.at} now={now} show="relative" />
          </p>
          <p>{nextStep(error.why)}</p>
        </Notice>
      )}
    </>
  );
}

const KIB = 1024;

const MIB = 1024 * KIB;

/** A number of bytes as people say it. */
export function sizeWords(bytes: number): string {
  if (bytes % MIB === 0) return `${bytes / MIB} MiB`;
  return bytes % KIB === 0 ? `${bytes / KIB} KiB` : `${bytes} bytes`;
}

/** What a document says that it is. */
function documentWords({ title, version }: UpstreamDocument): string {
  return `${title === "" ? "OpenAPI" : title} ${version}`.trim();
}

/** What is known of an upstream. */
export function Facts({ record, state, now }: {
  readonly record: UpstreamRecord;
  readonly state: SeenUpstream["state"];
  readonly now: number;
}) {
  const { protocol = null, listed_at = null } = state ?? {};
  const headers = Object.keys(record.headers);
  const none = <span class="quiet">Not known yet</span>;
  return (
    <Definitions
      items={[
        record.kind === "mcp_stdio"
          ? { term: "Runs as", value: placeOf(record) }
          : { term: "URL", value: <UntrustedText text={record.url} mono /> },
        ...record.document === undefined
          ? [
            {
              term: "Protocol",
              value: protocol === null ? none : (
                <>
                  MCP <UntrustedText text={protocol.version} mono />
                  {protocol.era === "legacy" && <span class="quiet">(with sessions)</span>}
                </>
              ),
            },
            {
              term: "Calls itself",
              value: protocol?.server == null
                ? none
                : <UntrustedText text={`${protocol.server.name} ${protocol.server.version}`} />,
            },
            {
              term: "Last told its tools",
              value: listed_at === null ? none : <Time at={listed_at} now={now} />,
            },
          ]
          : [
            {
              term: "Document",
              value: <UntrustedText text={documentWords(record.document)} />,
            },
            { term: "Given", value: <Time at={record.document.at} now={now} /> },
            {
              term: "Operations",
              value: record.operations === undefined
                ? `All ${record.document.operations}`
                : `${record.operations.length} of ${record.document.operations}`,
            },
          ],
        { term: "Credential", value: <Carried credential={record.credential} /> },
        {
          term: "Headers sent",
          value: headers.length === 0
            ? <span class="quiet">None of its own</span>
            : <UntrustedText text={headers.join(", ")} mono />,
        },
        {
          term: "Limits",
          value: `${record.timeout_seconds} s a call, ${
            sizeWords(record.max_result_bytes)
          } a result`,
        },
        { term: "Added", value: <Time at={record.created_at} now={now} /> },
      ]}
    />
  );
}

/** What its calls carry. */
function Carried({ credential }: Pick<UpstreamRecord, "credential">) {
  if (credential === null) return <span class="quiet">None</span>;
  const { mode, credential_id: id } = credential;
  const its = id === undefined ? null : <a href={pagePath("/credentials/:id", { id })}>{id}</a>;
  if (mode === "org") return <span class="mono">{its}</span>;
  return (
    <>
      Each member's own
      {its !== null && <span class="quiet">; its tools are asked for with {its}</span>}
    </>
  );
}
