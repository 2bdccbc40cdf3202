import assert from "node:assert/strict";
import type { ComponentChild } from "preact";
import { renderToString } from "preact-render-to-string";
import { BarChart } from "../../components/charts.tsx";
import { CheckboxField, RadioGroup } from "../../components/choices.tsx";
import { SelectField, TextField } from "../../components/fields.tsx";
import { FieldErrors, Form } from "../../components/form.tsx";
import { Shell, type ShellProps } from "../../components/shell.tsx";
import { Table } from "../../components/table.tsx";
import {
  Countdown,
  localWords,
  relativeWords,
  remainingWords,
  Time,
} from "../../components/time.tsx";
import { UntrustedText, Words } from "../../components/untrusted.tsx";

const NOW = Date.UTC(2026, 10, 22, 14, 5);
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Written by an agent that means ill. */
const MARKUP = '<img src=x onerror="alert(1)">\u202Egnp';

const html = (node: ComponentChild) => renderToString(<>{node}</>);

const count = (text: string, part: string) => text.split(part).length - 1;

Deno.test("UntrustedText() keeps markup as text and names what is hidden", () => {
  const page = html(<UntrustedText text={MARKUP} />);
  assert.ok(!page.includes("<img"));
  assert.ok(page.includes("&lt;img src=x onerror="));
  assert.ok(page.includes("⟨U+202E RIGHT-TO-LEFT OVERRIDE⟩"));
  assert.ok(!page.includes("\u202E"));
});

Deno.test("fields are tied to their label, hint and error", () => {
  const page = html(
    <TextField name="tool.name" label="Name" hint="As agents say it" error="Name is empty" />,
  );
  assert.match(page, /<label[^>]* for="field-tool-name"/);
  assert.match(page, /<input[^>]* id="field-tool-name"[^>]* name="tool.name"/);
  assert.match(page, /aria-describedby="field-tool-name-hint field-tool-name-error"/);
  assert.match(page, /aria-invalid="true"/);
  assert.match(page, /id="field-tool-name-error"/);
  const calm = html(<TextField name="tool" label="Name" value={MARKUP} />);
  assert.ok(!calm.includes("aria-"));
  assert.ok(calm.includes('value="&lt;img src=x onerror=&quot;'));
});

Deno.test("choices have a legend, a label each, and say which is chosen", () => {
  const options = [{ value: "a", label: "A" }, { value: "b", label: "B", hint: "The second" }];
  const page = html(
    <RadioGroup name="kind" label="Kind" options={options} value="b" error="No such kind" />,
  );
  assert.match(page, /<fieldset[^>]* aria-describedby="field-kind-error"/);
  assert.match(page, /<legend[^>]*>Kind<\/legend>/);
  assert.match(page, /<label[^>]* for="field-kind-1">/);
  assert.match(
    page,
    /id="field-kind-1"[^>]* value="b" checked[^>]*aria-describedby="field-kind-1-hint"/,
  );
  assert.equal(count(page, " checked"), 1);
  assert.equal(count(page, 'aria-invalid="true"'), 2);
  assert.match(html(<CheckboxField name="ack" label="Seen" />), /<label[^>]* for="field-ack">/);
  const list = html(<SelectField name="kind" label="Kind" options={options} value="b" />);
  assert.match(list, /<option value="b" selected/);
});

Deno.test("FieldErrors() leads to the fields, and is absent without errors", () => {
  const page = html(
    <FieldErrors
      errors={[{ name: "a.b", message: "Too long" }, { name: null, message: "Full" }]}
    />,
  );
  assert.match(page, /role="alert"/);
  assert.match(page, /<a href="#field-a-b">Too long<\/a>/);
  assert.equal(html(<FieldErrors errors={[]} />), "");
});

Deno.test("Form() posts what is asked and its hidden values", () => {
  const page = html(<Form do="remove" hidden={{ id: "<1>", group: ["1", "2"] }}>x</Form>);
  assert.match(page, /<form method="post"/);
  assert.ok(!page.includes("action="));
  assert.match(page, /<input type="hidden" name="do" value="remove"/);
  assert.match(page, /name="id" value="&lt;1>"/);
  assert.equal(count(page, 'name="group"'), 2);
});

Deno.test("Table() names the column in each cell, and shows the empty state without rows", () => {
  const columns = [
    { key: "name", label: "Name", kind: "title" as const, cell: (row: string) => row },
    { key: "size", label: "Size", kind: "number" as const, cell: (row: string) => row.length },
  ];
  const table = (rows: string[]) => (
    <Table
      caption="Words"
      columns={columns}
      rows={rows}
      rowKey={(row) => row}
      empty={<p>None</p>}
    />
  );
  assert.equal(html(table([])), "<p>None</p>");
  const page = html(table(["one", "three"]));
  assert.match(page, /<caption[^>]*>Words<\/caption>/);
  assert.equal(count(page, 'data-label="Size"'), 2);
  assert.equal(count(page, 'scope="col"'), 2);
});

const SHELL: Omit<ShellProps, "children"> = {
  viewer: {
    name: "Mira",
    email: "mira@acme.example",
    role: "owner",
    orgName: "<Acme>",
    orgs: [{ id: "org_1", name: "<Acme>", current: true }, {
      id: "org_2",
      name: "Other",
      current: false,
    }],
    pending: 3,
  },
  path: "/tools/refund",
};

Deno.test("Shell() marks the page in every menu, shows what waits, and offers other orgs", () => {
  const page = html(<Shell {...SHELL}>content</Shell>);
  const marked = page.match(/<a[^>]*aria-current="page"/g) ?? [];
  assert.equal(marked.length, 2);
  assert.ok(marked.every((link) => link.includes('href="/tools"')));
  assert.ok(count(page, 'data-pending="3"') >= 2);
  assert.match(page, /<a class="skip" href="#main">/);
  assert.match(page, /<main id="main"/);
  assert.match(page, /name="org" value="org_2"/);
  assert.ok(!page.includes('value="org_1"'));
  assert.ok(!page.includes("<Acme>"));
});

Deno.test("Shell() lists the allowed pages only, and no count when nothing waits", () => {
  const viewer = { ...SHELL.viewer, pending: 0 };
  const page = html(<Shell {...SHELL} viewer={viewer} allowed={["approvals"]}>content</Shell>);
  assert.ok(!page.includes('href="/tools"'));
  assert.match(page, /data-pending="0" hidden/);
});

Deno.test("times say the moment and the distance, never more than is left", () => {
  const page = html(<Time at={NOW - 3 * MINUTE} now={NOW} />);
  assert.match(page, /<time[^>]* datetime="2026-11-22T14:02:00.000Z"/i);
  assert.match(page, /22 Nov 2026, 14:02 UTC<\/span><span[^>]*> 3 min ago</);
  const local = localWords(NOW, NOW);
  assert.match(local, /^2[123] Nov, \d\d:\d\d$/);
  assert.match(localWords(NOW - 400 * 24 * HOUR, NOW), /^\d+ Oct 2025, \d\d:\d\d$/);
  assert.equal(relativeWords(NOW + 12 * MINUTE + 59 * SECOND, NOW), "in 12 min");
  assert.equal(relativeWords(NOW - 2 * SECOND, NOW), "now");
  assert.equal(relativeWords(NOW - 47 * HOUR, NOW), "47 h ago");
  assert.equal(relativeWords(NOW - 48 * HOUR, NOW), "2 days ago");
  assert.equal(remainingWords(12 * MINUTE + 4999), "12 min 04 s");
  assert.equal(remainingWords(3 * HOUR + 20 * MINUTE), "3 h 20 min");
  assert.equal(remainingWords(-1), "0 s");
});

Deno.test("Countdown() hurries at the end and says when it is over", () => {
  assert.match(html(<Countdown until={NOW + HOUR} now={NOW} />), /countdown-calm/);
  assert.match(html(<Countdown until={NOW + MINUTE} now={NOW} />), /countdown-urgent/);
  assert.match(html(<Countdown until={NOW} now={NOW} />), /Expired/);
});

Deno.test("charts have a name, the numbers as a table, and no style attribute", () => {
  const chart = { id: "c", title: "Decisions", description: "By day" };
  const page = html(
    <>
      <BarChart
        {...chart}
        series={[{ label: "allowed", tone: "success" }, { label: "disabled", tone: "danger" }]}
        rows={[{ label: "1 Nov", values: [7, 0] }, { label: "2 Nov", values: [0, 0] }]}
      />
      <BarChart {...chart} id="e" series={[{ label: "allowed", tone: "success" }]} rows={[]} />
    </>,
  );
  assert.match(page, /role="img" aria-labelledby="c-title"/);
  assert.match(page, /<th scope="row">1 Nov<\/th><td>7<\/td><td>0<\/td>/);
  assert.ok(!page.includes("style="));
  assert.ok(!page.includes("NaN"));
  assert.ok(!page.includes("Infinity"));
});

Deno.test("Words() keeps the end of an id whole beside a name that is written from right to left", () => {
  const page = html(<Words text="Agent “وكيل الفواتير 0” …1nmx3w asked to run refund" />);
  assert.match(page, /^<bdi class="untrusted" dir="ltr">Agent “وكيل الفواتير 0” /);
  assert.match(page, /<bdi class="id-tail" dir="ltr">…1nmx3w<\/bdi> asked/);
  const turning = "a\u202eb …1nmx3w";
  assert.match(html(<Words text={turning} />), /⟨U\+202E/);
  assert.equal(count(html(<Words text="…1nmx3wz …short" />), "id-tail"), 0);
});
