import { z } from "zod";
import { Badge } from "../../../components/badges.tsx";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { RadioGroup } from "../../../components/choices.tsx";
import { TextAreaField, TextField } from "../../../components/fields.tsx";
import { Filters } from "../../../components/filters.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { Notice, Section } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { joinBytes } from "../../../lib/base/bytes.ts";
import { type JsonObject, memberOf } from "../../../lib/base/json.ts";
import { pagePath } from "../../../lib/base/page_path.ts";
import { definitionDigest } from "../../../lib/gateway/definition.ts";
import { giveDocument, givenDocument, operationsOf } from "../../../lib/gateway/document.ts";
import { refreshUpstream } from "../../../lib/gateway/refresh.ts";
import { putUpstream, toolsOf } from "../../../lib/gateway/upstreams.ts";
import { demand } from "../../../lib/identity/deeds.ts";
import { StrangerFetchFailed } from "../../../lib/outside/http_answer.ts";
import { invalidRequest, Refusal } from "../../../lib/refusal.ts";
import { attempted, queryText } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { optional, several, text, verbatim } from "../../dashboard/form.ts";
import { action, memberPage } from "../../dashboard/page.ts";
import { openapiBody, pickedOperations, upstreamName } from "../../fields/upstream.ts";
import { DOCUMENT_BODY } from "../../http/inputs.ts";

/**
 * HTTP APIs by their documents: one is given, read, and stored where nobody looks; then somebody picks
 * the operations that are to be offered, and sees what would change.
 */

const NEW = "/upstreams/new/api";

const given = z.strictObject({
  name: text(upstreamName),
  url: optional(z.url({ protocol: /^https?$/ }).max(2048)),
  file: verbatim(z.string()),
  document: verbatim(z.string()),
});

/** A document is pasted, uploaded, or fetched once. */
export const newApiPage = memberPage({
  path: NEW,
  title: "Add an HTTP API",
  section: "upstreams",
  needs: "configure",
  query: z.object({ name: upstreamName.optional().catch(undefined) }),
  bodyLimit: DOCUMENT_BODY,
  load: ({ query: { name } }: MemberCall<unknown, { name?: string | undefined }>) =>
    Promise.resolve({ name: name ?? "" }),
  view: ({ data: { name }, attempt }) => {
    const form = attempted(attempt, "read");
    return (
      <>
        <PageHeader
          title="Add an HTTP API"
          breadcrumb={[{ label: "Upstreams", href: "/upstreams" }]}
          description="By its OpenAPI document, 3.0 or 3.1, as JSON. Its operations are read, and none
            of them runs: next you pick those that are offered."
        />
        <Form do="read" layout="stack" encType="multipart/form-data">
          <FieldErrors errors={form.errors} />
          <TextField
            name="name"
            label="Name"
            hint="Its tools are called after it: name/operation"
            error={form.error("name")}
            value={form.value("name", name)}
            mono
            required
            maxLength={32}
            autoComplete="off"
          />
          <Section title="One of these">
            <div class="field">
              <label class="field-label" for="field-file">
                File<span class="field-optional">optional</span>
              </label>
              <input
                class="input"
                id="field-file"
                type="file"
                name="file"
                accept=".json,application/json"
              />
            </div>
            <TextField
              name="url"
              label="Address of the document"
              hint="It is fetched once, now, without following redirects."
              error={form.error("url")}
              value={form.value("url")}
              type="url"
              mono
              optional
              maxLength={2048}
              autoComplete="off"
            />
            <TextAreaField
              name="document"
              label="Pasted"
              error={form.error("document")}
              value=""
              rows={6}
              spellcheck={false}
              mono
              optional
            />
          </Section>
          <FormActions>
            <Button variant="primary">Read it</Button>
            <ButtonLink href="/upstreams" variant="quiet">Cancel</ButtonLink>
          </FormActions>
        </Form>
      </>
    );
  },
  actions: {
    read: action(given, async (call: MemberCall, { name, url, file, document }) => {
      const known = await call.transact({
        plan({ snapshot }, caller) {
          demand(caller, "configure");
          return snapshot.upstreams.get(name)?.kind ?? null;
        },
      }, "configure");
      if (known !== null && known !== "openapi") {
        throw invalidRequest("/name", "is that of an MCP server; choose another name");
      }
      const found = file.trim() !== ""
        ? file
        : document.trim() !== ""
        ? document
        : url === null
        ? ""
        : await fetched(call, url);
      if (found === "") throw invalidRequest("/document", "is missing: give a file, URL or text");
      const transact = <L, R>(operation: Parameters<typeof call.transact<L, R>>[0]) =>
        call.transact(operation, "configure");
      const { id } = await giveDocument(call.services, transact as never, name, found);
      return { to: pagePath("/upstreams/:name/document/:document", { name, document: id }) };
    }, "configure"),
  },
});

/** Fetches a document as the hosts of members are asked: public ones, and no redirect followed. */
async function fetched({ services }: MemberCall, url: string): Promise<string> {
  try {
    const { status, body } = await services.deps.hosts({
      url,
      method: "GET",
      headers: { accept: "application/json" },
      limit_ms: 30_000,
      max_body: DOCUMENT_BODY.bytes,
    });
    const pieces: Uint8Array[] = [];
    for await (const piece of body ?? []) pieces.push(piece);
    if (status !== 200) throw invalidRequest("/url", `answered ${status}`);
    return new TextDecoder().decode(joinBytes(pieces));
  } catch (error) {
    if (!(error instanceof StrangerFetchFailed)) throw error;
    throw invalidRequest("/url", `couldn't be fetched: ${error.message}`);
  }
}

const byDocument = z.object({ name: upstreamName, document: z.string().max(64) });

const narrowing = z.object({
  q: queryText,
  tag: z.string().max(200).nullable().default(null).catch(null),
});

type Call = MemberCall<z.output<typeof byDocument>, z.output<typeof narrowing>>;

/** How an operation stands to what the catalog has. */
type Change = "new" | "changed" | "same";

interface Row {
  readonly name: string;
  readonly line: string;
  readonly title: string;
  readonly tags: readonly string[];
  readonly change: Change;
  readonly picked: boolean;
}

/** Most operations that are listed at once. */
const MAX_ROWS = 300;

async function look(call: Call) {
  const { services, org, params: { name, document: id }, query: { q, tag } } = call;
  const { kv } = services.deps;
  const found = await givenDocument(kv, org, name, id);
  if (found === null) throw new Refusal("not_found", { what: "document" });
  const { record, tools } = await call.transact({
    plan: ({ snapshot }) => ({
      record: snapshot.upstreams.get(name) ?? null,
      tools: toolsOf(snapshot, name),
    }),
  });
  const { definitions, refused } = await operationsOf(kv, org, { name, document: found.document });
  const own = record?.kind === "openapi" ? record : null;
  const base_url = own?.url ?? found.server ?? "";
  const place = {
    kind: "openapi",
    url: base_url,
    headers: own?.headers ?? {},
    credential: own?.credential ?? null,
  } as const;
  const digests = new Map(
    tools.map((tool) => [tool.upstream.tool, tool.upstream.definition_digest]),
  );
  const picks = own?.operations === undefined ? null : new Set(own.operations);
  const all = definitions.map((definition): Row => {
    const operation = String(definition["name"]);
    const before = digests.get(operation);
    return {
      name: operation,
      line: lineOf(definition),
      title: String(memberOf(definition, "title") ?? ""),
      tags: tagsOf(definition),
      change: before === undefined
        ? "new"
        : before === definitionDigest(place, definition)
        ? "same"
        : "changed",
      picked: picks === null ? own !== null : picks.has(operation),
    };
  });
  const names = new Set(all.map((row) => row.name));
  const gone = tools.filter(({ status, upstream }) =>
    (status === "approved" || status === "draft") && !names.has(upstream.tool)
  ).map(({ upstream }) => upstream.tool);
  const word = q?.toLowerCase() ?? null;
  const rows = all.filter(({ name, line, title, tags }) =>
    (tag === null || tags.includes(tag)) &&
    (word === null || `${name} ${line} ${title}`.toLowerCase().includes(word))
  );
  return {
    ...found,
    own,
    base_url,
    all,
    rows: rows.slice(0, MAX_ROWS),
    matching: rows.length,
    gone,
    refused,
    at: { name, document: id },
    narrowed: { q, tag },
  };
}

function lineOf(definition: JsonObject): string {
  const http = memberOf(definition, "http");
  return `${memberOf(http, "method")} ${memberOf(http, "path")}`;
}

function tagsOf(definition: JsonObject): string[] {
  const tags = memberOf(definition, "tags");
  return Array.isArray(tags) ? tags.map(String) : [];
}

const choice = z.strictObject({
  base_url: text(openapiBody.shape.base_url.unwrap()),
  offer: text(z.enum(["all", "picked"])),
  operations: several(z.string().max(128)),
});

/** What a document offers, what would change by it, and which operations are to be offered. */
export const documentPage = memberPage({
  path: "/upstreams/:name/document/:document",
  section: "upstreams",
  needs: "configure",
  params: byDocument,
  query: narrowing,
  load: look,
  title: ({ document }) => `Operations of ${document.title || "the document"}`,
  view: ({ data, attempt }) => {
    const { document, own, base_url, all, rows, matching, gone, refused } = data;
    const form = attempted(attempt, "offer");
    const count = (change: Change) => all.filter((row) => row.change === change).length;
    const ticked = new Set(
      form.values("operations", rows.filter(({ picked }) => picked).map(({ name }) => name)),
    );
    const listed = new Set(rows.map(({ name }) => name));
    const unlisted = all.filter(({ name, picked }) => picked && !listed.has(name)).length;
    const isCurrent = own?.document?.id === document.id;
    const tags = [...new Set(all.flatMap((row) => row.tags))].slice(0, 100);
    return (
      <>
        <PageHeader
          title={<UntrustedText text={`${document.title} ${document.version}`.trim()} />}
          breadcrumb={[{ label: "Upstreams", href: "/upstreams" }]}
          description={document.operations === 1
            ? "1 operation can be taken."
            : `${document.operations} operations can be taken.`}
        />
        {own !== null && !isCurrent && (
          <Notice tone={count("changed") + gone.length > 0 ? "warning" : "info"} live={false}>
            <p>
              {`Beside what is there: ${count("new")} new, ${count("changed")} changed, ${
                count("same")
              } the same, ${gone.length} gone. Changed ones are drafts again, those that are gone end.`}
            </p>
            {gone.length > 0 && (
              <p>
                Gone: <UntrustedText text={gone.slice(0, 50).join(", ")} mono />
              </p>
            )}
          </Notice>
        )}
        {refused.length > 0 && (
          <Notice tone="info" live={false} title={`${refused.length} can't be taken`}>
            <ul>
              {refused.slice(0, 20).map(({ name, why }) => (
                <li key={name}>
                  <UntrustedText text={`${name} ${why}`} />
                </li>
              ))}
            </ul>
          </Notice>
        )}
        <Filters
          path={(more) => pagePath("/upstreams/:name/document/:document", { ...more, ...data.at })}
          query={data.narrowed}
          search={{ name: "q", label: "Name, path or title contains" }}
          filters={tags.length === 0 ? [] : [{
            name: "tag",
            label: "Group",
            choices: tags.map((value) => ({ value, label: value })),
          }]}
        />
        <Form do="offer" layout="stack">
          <FieldErrors errors={form.errors} />
          <TextField
            name="base_url"
            label="Where requests go"
            hint="What the paths are below, whatever servers the document names"
            error={form.error("base_url")}
            value={form.value("base_url", base_url)}
            type="url"
            mono
            required
            maxLength={2048}
            autoComplete="off"
          />
          <RadioGroup
            name="offer"
            label="Offer"
            value={form.value(
              "offer",
              own?.operations === undefined && own !== null ? "all" : "picked",
            )}
            options={[
              {
                value: "picked",
                label: unlisted === 0
                  ? "The ticked ones"
                  : `The ticked ones, and ${unlisted} picked before that this list leaves out`,
              },
              { value: "all", label: `All ${document.operations}` },
            ]}
          />
          <ol class="approval-list" id="field-operations">
            {rows.map(({ name, line, title, change }) => (
              <li key={name} class="approval-row">
                <label class="pick">
                  <input
                    type="checkbox"
                    name="operations"
                    value={name}
                    aria-label={`Offer ${name}`}
                    checked={ticked.has(name)}
                  />
                </label>
                <div class="approval-row-what">
                  <UntrustedText text={name} mono />
                  <span class="approval-row-reason">
                    <UntrustedText text={title === "" ? line : `${line} · ${title}`} />
                  </span>
                  {own !== null && change !== "same" && (
                    <span class="approval-row-marks">
                      <Badge tone={change === "changed" ? "warning" : "neutral"}>
                        {change === "changed" ? "Changed" : "New"}
                      </Badge>
                    </span>
                  )}
                </div>
              </li>
            ))}
          </ol>
          {rows.length === 0 && (
            <p class="quiet">
              {all.length === 0
                ? "There is nothing in it to offer."
                : "No operation fits what the list is narrowed to."}
            </p>
          )}
          {matching > rows.length && (
            <p class="quiet">{`${matching - rows.length} more: narrow the list to see them.`}</p>
          )}
          <FormActions>
            <Button variant="primary">{own === null ? "Add upstream" : "Offer these"}</Button>
            <ButtonLink href="/upstreams" variant="quiet">Cancel</ButtonLink>
          </FormActions>
          <p class="quiet small">
            Each is a draft until you approve it. A new upstream, or another address, asks for your
            passkey.
          </p>
        </Form>
      </>
    );
  },
  actions: {
    offer: action(choice, async (call: Call, { base_url, offer, operations }) => {
      const { services, org, params: { name }, id } = call;
      await call.transact({ plan: (_, caller) => demand(caller, "configure") }, "configure");
      const { document, own, all, rows } = await look(call);
      const shown = new Set(rows.map((row) => row.name));
      const kept = all.filter((row) => row.picked && !shown.has(row.name)).map((row) => row.name);
      const ticked = operations.filter((one) => shown.has(one));
      const picked = pickedOperations.safeParse([...kept, ...ticked]);
      if (offer === "picked" && !picked.success) {
        throw invalidRequest("/operations", picked.error.issues[0]?.message ?? "are too many");
      }
      const usual = openapiBody.parse({ kind: "openapi" });
      const { headers, credential, timeout_seconds, max_result_bytes, status } = own ?? usual;
      const fields = {
        kind: "openapi" as const,
        url: base_url,
        headers,
        credential,
        timeout_seconds,
        max_result_bytes,
        status,
        document,
        ...(offer === "picked" ? { operations: picked.data ?? [] } : {}),
      };
      const put = putUpstream(name, fields, services.settings.private_hosts, id);
      await call.transact(put, "configure");
      await refreshUpstream(services, org, name);
      return {
        to: pagePath("/upstreams/:name", { name }),
        notice: `${name} offers its operations.`,
      };
    }, "configure"),
  },
});
