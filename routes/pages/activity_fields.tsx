import { TextField } from "../../components/fields.tsx";
import { Filters } from "../../components/filters.tsx";
import { permissionWords } from "../../components/permission_badge.tsx";
import { SelectField } from "../../components/select_field.tsx";
import { ENTRY_TYPES } from "../../lib/activity/entry_sentence.ts";
import type { FilterProblem } from "../../lib/evidence/filters.ts";
import { PERMISSIONS } from "../../lib/policy/permission.ts";

/** What the list can be narrowed by, as the address names it. */
export const FIELDS = [
  "since",
  "until",
  "type",
  "tool_name",
  "tenant_id",
  "actor",
  "permission",
  "order",
] as const;

type Given = Readonly<Record<(typeof FIELDS)[number], string>>;

/** The filters of the log, as they were given. */
export function ActivityFields({ given, problems }: {
  readonly given: Given;
  readonly problems: readonly FilterProblem[];
}) {
  const active = FIELDS.filter((field) => given[field] !== "" && given[field] !== "desc").length;
  const error = (field: string) => problems.find((problem) => problem.field === field)?.message;
  return (
    <Filters action="/activity" active={active}>
      <SelectField
        name="type"
        label="What happened"
        value={given.type}
        options={[
          { value: "", label: "Anything" },
          ...withGiven(ENTRY_TYPES, given.type).map((value) => ({ value, label: value })),
        ]}
      />
      <TextField
        name="actor"
        label="Who"
        placeholder="Name, e-mail or id"
        value={given.actor}
        error={error("actor")}
      />
      <TextField
        name="tool_name"
        label="Tool"
        value={given.tool_name}
        error={error("tool_name")}
        mono
      />
      <TextField
        name="tenant_id"
        label="Tenant"
        value={given.tenant_id}
        error={error("tenant_id")}
        mono
      />
      <SelectField
        name="permission"
        label="Answer"
        value={given.permission}
        error={error("permission")}
        options={[
          { value: "", label: "Any" },
          ...PERMISSIONS.map((value) => ({ value, label: permissionWords(value) })),
        ]}
      />
      <DayField name="since" label="From (UTC)" given={given.since} error={error("since")} />
      <DayField name="until" label="To (UTC)" given={given.until} error={error("until")} />
      <SelectField
        name="order"
        label="Order"
        value={given.order}
        options={[
          { value: "", label: "Newest first" },
          { value: "asc", label: "Oldest first" },
        ]}
      />
    </Filters>
  );
}

/** A day to pick. A time to the minute, as a link may carry it, stays in sight as text. */
function DayField({ name, label, given, error }: {
  readonly name: string;
  readonly label: string;
  readonly given: string;
  readonly error: string | undefined;
}) {
  const type = /^(\d{4}-\d\d-\d\d)?$/.test(given) ? "date" : "text";
  return <TextField name={name} label={label} type={type} value={given} error={error} />;
}

/** The list with what was asked for, though it is not one of them. */
function withGiven(values: readonly string[], given: string): readonly string[] {
  return given === "" || values.includes(given) ? values : [...values, given];
}
