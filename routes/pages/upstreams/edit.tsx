import { z } from "zod";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { SelectField, TextAreaField, TextField } from "../../../components/fields.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { Notice } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { refreshUpstream } from "../../../lib/gateway/refresh.ts";
import {
  existingUpstream,
  putUpstream,
  toolsOf,
  UPSTREAM_FIELDS,
  type UpstreamFields,
} from "../../../lib/gateway/upstreams.ts";
import { Refusal } from "../../../lib/refusal.ts";
import type { UpstreamRecord } from "../../../lib/store/records/upstream.ts";
import { OF_ORG } from "../../../lib/store/records/vault.ts";
import { goesTo } from "../../../lib/vault/injection.ts";
import { ownedBy } from "../../../lib/vault/keepers.ts";
import { asShown, attempted, type AttemptedForm, changedSince } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { text, whole } from "../../dashboard/form.ts";
import { action, memberPage } from "../../dashboard/page.ts";
import { mcpBody, upstreamName } from "../../fields/upstream.ts";
import { sizeWords } from "./facts.tsx";

const byName = z.object({ name: upstreamName });

type Call = MemberCall<z.output<typeof byName>>;

const { shape } = mcpBody;

/** Headers as they are typed: one a line, a name and a value with a colon between. */
const headerLines = z.string().transform((typed, context) => {
  const headers: Record<string, string> = {};
  for (const line of typed.split("\n").map((one) => one.trim()).filter((one) => one !== "")) {
    const [, name = "", value = ""] = /^([^:]*):(.*)$/.exec(line) ?? [];
    const key = name.trim().toLowerCase();
    if (key === "" || value.trim() === "") {
      context.addIssue({ code: "custom", message: `${line}: must be a name, a colon and a value` });
    } else if (Object.hasOwn(headers, key)) {
      context.addIssue({ code: "custom", message: `${key} is there twice` });
    }
    headers[key] = value.trim();
  }
  return headers;
}).pipe(shape.headers.unwrap());

const NOTHING = "";

const MEMBERS = "member";

/** What is chosen as an upstream's record has it. */
function credentialOf(chosen: string): UpstreamFields["credential"] {
  if (chosen === NOTHING) return null;
  return chosen === MEMBERS ? { mode: "member" } : { mode: "org", credential_id: chosen };
}

function chosenOf(credential: UpstreamFields["credential"]): string {
  if (credential === null) return NOTHING;
  return credential.mode === "member" ? MEMBERS : credential.credential_id;
}

const change = z.strictObject({
  seen: whole(z.int()),
  url: text(shape.url),
  headers: text(headerLines),
  credential: text(z.string().max(64)).transform(credentialOf),
  timeout_seconds: whole(shape.timeout_seconds.unwrap()),
  max_result_bytes: whole(shape.max_result_bytes.unwrap()),
});

const KIB = 1024;

/** Limits of a result to choose from, in bytes. */
const SIZES = [64, 256, 1024, 2048, 4096, 8192].map((kib) => kib * KIB);

/** Where an upstream is, what it is sent, and how long and large its answers may be. */
export const editUpstreamPage = memberPage({
  path: "/upstreams/:name/edit",
  section: "upstreams",
  needs: "configure",
  params: byName,
  load: (call: Call) =>
    call.transact({
      plan: ({ snapshot }) => {
        const { name } = call.params;
        const approved = toolsOf(snapshot, name).filter(({ status }) => status === "approved");
        const record = existingUpstream(snapshot, name);
        const credentials = ownedBy(snapshot, OF_ORG).filter((one) => goesTo(one, record.url))
          .map(({ id, name }) => ({ value: id, label: name }));
        return { record, approved: approved.length, credentials };
      },
    }),
  title: ({ record }) => `Edit ${record.name}`,
  view: ({ data: { record, approved, credentials }, attempt }) => {
    const { name } = record;
    const back = pagePath("/upstreams/:name", { name });
    return (
      <>
        <PageHeader
          title={
            <>
              Edit <UntrustedText text={name} mono />
            </>
          }
          breadcrumb={[{ label: name, href: back }]}
        />
        {record.kind !== "mcp_stdio"
          ? (
            <EditForm
              form={attempted(attempt, "change")}
              {...{ record, approved, credentials, back }}
            />
          )
          : (
            <Notice tone="info" live={false} title="A program of this host">
              It is described in a file of the host, which says what runs and how. Here it can be
              paused, and its tools approved.
            </Notice>
          )}
      </>
    );
  },
  actions: {
    change: action(change, async (call: Call, { seen, ...fields }) => {
      const { services, org, params: { name }, id } = call;
      const old = await call.transact({
        plan: ({ snapshot }) => existingUpstream(snapshot, name),
      }, "configure");
      const put = putting(() =>
        putUpstream(
          name,
          { ...fieldsOf(old), ...fields, ...listedWith(old, fields) },
          services.settings.private_hosts,
          id,
        )
      );
      const { record } = await call.transact(
        asShown(put, ({ snapshot }) => changedSince(existingUpstream(snapshot, name), seen)),
        "configure",
      );
      const to = pagePath("/upstreams/:name", { name });
      if (record.generation === old.generation) return { to, notice: "Saved." };
      await refreshUpstream(services, org, name);
      return { to, notice: `${name} is another server now: its tools wait to be approved again.` };
    }, "configure"),
  },
});

/** Everything that is said of an upstream, as it stands. */
function fieldsOf(record: UpstreamRecord): UpstreamFields {
  const fields = UPSTREAM_FIELDS.flatMap((field) =>
    record[field] === undefined ? [] : [[field, record[field]]]
  );
  return Object.fromEntries(fields) as UpstreamFields;
}

/** Where members go on acting, its tools are asked for with what they were asked for with. */
function listedWith(
  { credential: old }: UpstreamRecord,
  { credential }: Pick<UpstreamFields, "credential">,
): Pick<UpstreamFields, "credential"> {
  return { credential: old?.mode === "member" && credential?.mode === "member" ? old : credential };
}

/** What a refusal says of a header names it, for on the page all of them are one field. */
function putting<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== "invalid_request") throw error;
    const { errors } = error.data as { errors: readonly { path: string; message: string }[] };
    throw new Refusal("invalid_request", {
      errors: errors.map(({ path, message }) => {
        const header = /^\/headers\/(.*)$/.exec(path)?.[1];
        // Of an HTTP API over REST it is called otherwise.
        return header === undefined
          ? { path: path === "/base_url" ? "/url" : path, message }
          : { path: "/headers", message: `${header} ${message}` };
      }),
    });
  }
}

function EditForm({ form, record, approved, credentials, back }: {
  readonly form: AttemptedForm;
  readonly record: UpstreamRecord;
  readonly approved: number;
  /** Those of the organization that may go where it is. */
  readonly credentials: readonly { readonly value: string; readonly label: string }[];
  readonly back: string;
}) {
  const headers = Object.entries(record.headers).map(([name, value]) => `${name}: ${value}`);
  const size = form.value("max_result_bytes", record.max_result_bytes);
  const sizes = [...new Set([...SIZES, Number(size)])].filter((bytes) => bytes > 0)
    .sort((a, b) => a - b);
  return (
    <Form
      do="change"
      hidden={{ seen: form.value("seen", record.updated_at) }}
      layout="stack"
    >
      <FieldErrors errors={form.errors} />
      {approved > 0 && (
        <Notice tone="warning" live={false}>
          {approved === 1
            ? "Another URL, other headers or another credential make it another server: its approved " +
              "tool is closed until you approve it again, and what waits for it is cancelled."
            : `Another URL, other headers or another credential make it another server: its ${approved} ` +
              "approved tools are closed until you approve them again, and what waits for them is " +
              "cancelled."}
        </Notice>
      )}
      <TextField
        name="url"
        label="URL"
        hint={record.kind === "openapi"
          ? "What the paths of its operations are below"
          : "Of its MCP endpoint"}
        error={form.error("url")}
        value={form.value("url", record.url)}
        type="url"
        mono
        required
        maxLength={2048}
        autoComplete="off"
      />
      <TextAreaField
        name="headers"
        label="Headers"
        hint="Sent with each request, one a line, such as x-region: eu. Not for secrets: whoever
          configures reads them."
        error={form.error("headers")}
        value={form.value("headers", headers.join("\n"))}
        rows={Math.max(3, headers.length + 1)}
        spellcheck={false}
        mono
        optional
      />
      <SelectField
        name="credential"
        label="Credential"
        hint="What its calls carry, of those that may go to this URL. A member's own acts for each member's
          programs, and for the agents that they name."
        error={form.error("credential")}
        value={form.value("credential", chosenOf(record.credential))}
        options={[
          { value: NOTHING, label: "None" },
          ...credentials,
          { value: MEMBERS, label: "Each member's own" },
        ]}
      />
      <div class="grid-2">
        <TextField
          name="timeout_seconds"
          label="Seconds a call may take"
          hint="From 1 to 300. What has no answer by then is unknown."
          error={form.error("timeout_seconds")}
          value={form.value("timeout_seconds", record.timeout_seconds)}
          type="number"
          min={1}
          max={300}
          required
        />
        <SelectField
          name="max_result_bytes"
          label="Largest result"
          hint="What is larger isn't passed on."
          error={form.error("max_result_bytes")}
          value={size}
          options={sizes.map((bytes) => ({ value: `${bytes}`, label: sizeWords(bytes) }))}
        />
      </div>
      <FormActions>
        <Button variant="primary">Save</Button>
        <ButtonLink href={back} variant="quiet">Cancel</ButtonLink>
      </FormActions>
      <p class="quiet small">
        Another URL, other headers or another credential ask for your passkey.
      </p>
    </Form>
  );
}
