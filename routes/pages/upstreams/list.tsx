import { z } from "zod";
import { Badge, StatusBadge } from "../../../components/badges.tsx";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { TextField } from "../../../components/fields.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { Disclosure, EmptyState, Section } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Pagination, RowLink, Table } from "../../../components/table.tsx";
import { Time } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { refreshUpstream } from "../../../lib/gateway/refresh.ts";
import {
  isCurrent,
  MAX_UPSTREAMS,
  putUpstream,
  type SeenUpstream,
  seeUpstreams,
} from "../../../lib/gateway/upstreams.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import { asShown, attempted, type AttemptedForm } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { optional, text } from "../../dashboard/form.ts";
import { action, memberPage } from "../../dashboard/page.ts";
import { pageByName, pageQuery } from "../../fields/paging.ts";
import { mcpBody, upstreamName, usualUpstream } from "../../fields/upstream.ts";
import { placeOf } from "../calls/parts.tsx";

const PATH = "/upstreams";

/** How many tools an upstream has in which state. */
export function toolNumbers({ record, state, tools }: SeenUpstream) {
  const isOpen = (tool: SeenUpstream["tools"][number]) => tool.status === "draft";
  return {
    listed: state?.listed ?? 0,
    changed: tools.filter((tool) => isOpen(tool) && tool.upstream.drifted).length,
    drafts: tools.filter((tool) => isOpen(tool) && !tool.upstream.drifted).length,
    approved: tools.filter((tool) => tool.status === "approved" && isCurrent(tool, record)).length,
    refused: state?.refused.length ?? 0,
  };
}

/** Where an upstream stands, in the words of what has to be done about it. */
export function UpstreamState({ seen }: { readonly seen: SeenUpstream }) {
  const { record, state } = seen;
  const { changed, drafts } = toolNumbers(seen);
  if (record.status === "paused") return <StatusBadge status="paused" />;
  if (state?.last_error != null) return <Badge tone="danger" icon="warning">Not reached</Badge>;
  if (changed > 0) {
    return (
      <Badge tone="warning" icon="warning">
        {changed === 1 ? "1 tool changed" : `${changed} tools changed`}
      </Badge>
    );
  }
  if (drafts > 0) {
    return <Badge icon="draft">{drafts === 1 ? "1 draft" : `${drafts} drafts`}</Badge>;
  }
  return <span class="quiet">{state?.listed_at == null ? "Not asked yet" : "Connected"}</span>;
}

/** The servers whose tools run through here. */
export const upstreamsPage = memberPage({
  path: PATH,
  title: "Upstreams",
  section: "upstreams",
  needs: "read",
  query: z.strictObject(pageQuery),
  load: async (call) => {
    const all = await call.transact(seeUpstreams());
    const { items, next_cursor } = pageByName(all, ({ record }) => record.name, call.query);
    return {
      rows: items,
      next_cursor,
      isFirst: call.query.cursor === undefined,
      isFull: all.length >= MAX_UPSTREAMS,
      mayConfigure: hasRight(call.caller.role, "configure"),
    };
  },
  view: ({ data: { rows, next_cursor, isFirst, isFull, mayConfigure }, attempt, now }) => (
    <>
      <PageHeader
        title="Upstreams"
        description="Servers whose tools run through Countersign: MCP servers, and HTTP APIs by their
          documents. What one offers is a draft until you approve it, whatever the server says of it."
        actions={
          <>
            <ButtonLink href="/calls">Calls</ButtonLink>
            <ButtonLink href="/credentials">Credentials</ButtonLink>
            <ButtonLink href="/connect">Connect a host</ButtonLink>
            {mayConfigure && !isFull && rows.length > 0 && (
              <ButtonLink href="#add" icon="plus">Add upstream</ButtonLink>
            )}
          </>
        }
      />
      <Table<SeenUpstream>
        caption="Upstreams"
        rows={rows}
        rowKey={({ record }) => record.name}
        columns={[
          {
            key: "name",
            label: "Name",
            kind: "title",
            cell: ({ record }) => (
              <>
                <RowLink href={pagePath("/upstreams/:name", { name: record.name })}>
                  <UntrustedText text={record.name} mono />
                </RowLink>
                <span class="tool-summary quiet small">
                  <UntrustedText text={placeOf(record)} mono />
                </span>
              </>
            ),
          },
          {
            key: "state",
            label: "State",
            kind: "badge",
            cell: (seen) => <UpstreamState seen={seen} />,
          },
          {
            key: "approved",
            label: "Approved",
            cell: (seen) => {
              const { approved, listed } = toolNumbers(seen);
              return `${approved} of ${listed}`;
            },
          },
          {
            key: "asked",
            label: "Last asked",
            cell: ({ state }) =>
              state?.listed_at == null
                ? "Never"
                : <Time at={state.listed_at} now={now} show="relative" />,
          },
        ]}
        empty={
          <EmptyState icon="link" title={isFirst ? "No upstreams yet" : "No more upstreams"}>
            {mayConfigure
              ? "Add a server by its URL: its tools come here to be looked at, and none of them runs."
              : "An owner or admin adds a server by its URL."}
          </EmptyState>
        }
      />
      <Pagination
        newer={isFirst ? null : PATH}
        older={next_cursor === null ? null : pagePath(PATH, { cursor: next_cursor })}
        newerLabel="First page"
        olderLabel="More"
      />
      {mayConfigure && (
        <Section title="Add an upstream" id="add">
          {isFull
            ? <p>An organization has at most {MAX_UPSTREAMS}. Remove one to add another.</p>
            : (
              <>
                <AddForm form={attempted(attempt, "add")} />
                <p>
                  <a href="/upstreams/new/api">Add an HTTP API by its OpenAPI document</a>
                </p>
              </>
            )}
        </Section>
      )}
    </>
  ),
  actions: {
    add: action(
      z.strictObject({ url: text(mcpBody.shape.url), name: optional(upstreamName) }),
      async (call: MemberCall<unknown, unknown>, { url, name: chosen }) => {
        const { services, org, id } = call;
        const taken = await call.transact({
          plan: ({ snapshot }) => new Set(snapshot.upstreams.keys()),
        }, "configure");
        const name = chosen ?? nameFor(url, taken);
        const fields = usualUpstream(url);
        const made = asShown(
          putUpstream(name, fields, services.settings.private_hosts, id),
          ({ snapshot: { upstreams } }) => {
            if (upstreams.has(name)) {
              return { path: "/name", message: "is another upstream's; choose another name" };
            }
            const same = [...upstreams.values()].find((one) => one.url === fields.url);
            if (same === undefined) return null;
            return { path: "/url", message: `is here already, as ${same.name}` };
          },
        );
        await call.transact(made, "configure");
        await refreshUpstream(services, org, name);
        return { to: pagePath("/upstreams/:name", { name }), notice: `${name} is added.` };
      },
      "configure",
    ),
  },
});

function AddForm({ form }: { readonly form: AttemptedForm }) {
  return (
    <Form do="add" layout="stack">
      <FieldErrors errors={form.errors} />
      <TextField
        name="url"
        label="URL"
        hint="Of its MCP endpoint, such as https://mcp.example.com/mcp"
        error={form.error("url")}
        value={form.value("url")}
        type="url"
        mono
        required
        maxLength={2048}
        autoComplete="off"
      />
      <Disclosure summary="Name it yourself" open={form.value("name") !== ""}>
        <TextField
          name="name"
          label="Name"
          hint="Its tools are called after it: name/tool. Without one it's made from the URL, and stays."
          error={form.error("name")}
          value={form.value("name")}
          mono
          optional
          maxLength={32}
          autoComplete="off"
        />
      </Disclosure>
      <FormActions>
        <Button variant="primary">Add upstream</Button>
      </FormActions>
      <p class="quiet small">It's asked at once what it offers. Adding asks for your passkey.</p>
    </Form>
  );
}

/** Labels of hosts that say what runs there, and not whose it is. */
const GENERIC: ReadonlySet<string> = new Set(["www", "mcp", "api", "server", "remote", "gateway"]);

const NAME_CHARACTERS = 32;

/** A free name for an upstream: the part of its host that says most, with a number where it's taken. */
export function nameFor(url: string, taken: ReadonlySet<string>): string {
  const name = wordOf(url);
  for (let n = 1;; n++) {
    const end = n === 1 ? "" : `-${n}`;
    const whole = name.slice(0, NAME_CHARACTERS - end.length) + end;
    if (!taken.has(whole)) return whole;
  }
}

function wordOf(url: string): string {
  const host = URL.parse(url)?.hostname ?? "";
  const labels = host.split(".");
  if (labels.every((label) => /^[0-9]*$/.test(label)) || host.startsWith("[")) return "server";
  const own = (labels.length > 1 ? labels.slice(0, -1) : labels)
    .filter((label) => !GENERIC.has(label));
  const longest = own.toSorted((a, b) => b.length - a.length)[0] ?? "server";
  return longest.replace(/[^a-z0-9-]/g, "").replace(/^-+/, "") || "server";
}
