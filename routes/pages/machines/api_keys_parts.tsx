import { z } from "zod";
import { Badge, StatusBadge } from "../../../components/badges.tsx";
import { Button } from "../../../components/button.tsx";
import { RadioGroup } from "../../../components/choices.tsx";
import { NewSecret } from "../../../components/code.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import {
  AuditPrivateField,
  isExpired,
  MachineFields,
  MayGrantField,
  UserPasskeysField,
} from "../../../components/machine.tsx";
import { MachineName } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import type { MadeApiKey } from "../../../lib/catalog/api_keys.ts";
import { curlCommand } from "../../../lib/onboarding/builder_scripts.ts";
import type { ApiKeyRecord } from "../../../lib/store/records/identity.ts";
import type { AttemptedForm } from "../../dashboard/attempted.ts";
import { lines, optionalTime, optionalWhole, text, whole } from "../../dashboard/form.ts";
import type { Outcome } from "../../dashboard/page.ts";
import { newMachineFields } from "../../fields/machine.ts";

export type KeyTier = ApiKeyRecord["tier"];

/** What each tier is for, and what it must never be used for. */
export const TIER_WORDS: Readonly<
  Record<KeyTier, { readonly label: string; readonly hint: string }>
> = {
  standard: {
    label: "Standard",
    hint: "For programs that run tools: checks, asks, mints and consumes. It reads the " +
      "configuration, and changes none of it.",
  },
  management: {
    label: "Management",
    hint: "For deployment scripts: changes rules, tools, tenants, agents and keys. It never runs " +
      "anything, and never decides.",
  },
  approver: {
    label: "Approver",
    hint: "For your own approval system: reads requests and decides them without a passkey, one " +
      "level of each and never Level 2. Whoever holds it stands in for a person.",
  },
};

/** Whether a key is accepted, and where it came from. */
export function ApiKeyState({ record, superseded, now }: {
  readonly record: ApiKeyRecord;
  /** Whether an owner's passkey has taken its place. */
  readonly superseded: boolean;
  readonly now: number;
}) {
  return (
    <span class="badges">
      {superseded
        ? <Badge icon="minus_circle">Out of force</Badge>
        : <StatusBadge status={isExpired(record, now) ? "expired" : "active"} />}
      {record.bootstrap && <Badge icon="settings">By the operator</Badge>}
      {record.may_grant && <Badge icon="key">Grants mandates</Badge>}
      {record.user_passkeys && <Badge tone="warning" icon="passkey">Sets users' passkeys</Badge>}
      {record.audit_private && <Badge tone="warning" icon="eye">Reads private data</Badge>}
    </span>
  );
}

/** The form that makes a key. */
export function ApiKeyForm({ form, tier, isOwner }: {
  readonly form: AttemptedForm;
  /** The tier that is looked at. */
  readonly tier: KeyTier;
  readonly isOwner: boolean;
}) {
  const offered: readonly KeyTier[] = isOwner
    ? ["standard", "management", "approver"]
    : ["standard", "management"];
  return (
    <Form do="create" layout="stack">
      <FieldErrors errors={form.errors} />
      <RadioGroup
        name="tier"
        label="Tier"
        hint={isOwner ? undefined : "Approver keys are made by owners."}
        error={form.error("tier")}
        value={form.value("tier", offered.includes(tier) ? tier : "standard")}
        options={offered.map((value) => ({ value, ...TIER_WORDS[value] }))}
        required
      />
      <MachineFields form={form} machine={null} />
      <MayGrantField checked={form.checked("may_grant")} />
      {isOwner && <UserPasskeysField checked={form.checked("user_passkeys")} />}
      {isOwner && <AuditPrivateField checked={form.checked("audit_private")} />}
      <p class="quiet small">Making a key asks for your passkey. You answer for what it asks.</p>
      <FormActions>
        <Button variant="primary">Make key</Button>
      </FormActions>
    </Form>
  );
}

/** A key, this once, and how it is used. */
export function newKey(
  { record, secret }: MadeApiKey,
  { origin, tool }: { readonly origin: string; readonly tool: string | null },
): Outcome {
  return {
    title: "Key",
    show: (
      <NewSecret
        title={
          <>
            Key <MachineName type="api_key" id={record.id} name={record.name} />
          </>
        }
        breadcrumb={[{ label: "API keys", href: pagePath("/api-keys", { tier: record.tier }) }]}
        label="Key"
        holder="key"
        secret={secret}
        {...firstUse(record, secret, { origin, tool })}
        next={{ label: "To the key", href: pagePath("/api-keys/:id", { id: record.id }) }}
      />
    ),
  };
}

function firstUse(
  { tier, tenant_ids }: ApiKeyRecord,
  secret: string,
  { origin, tool }: { readonly origin: string; readonly tool: string | null },
): { command: string; commandSays: string } {
  switch (tier) {
    case "standard": {
      const tenant = (tenant_ids?.length ?? 0) > 1 ? tenant_ids?.[0] : undefined;
      const body = {
        tool_name: tool ?? "hello_world",
        explain: true,
        ...(tenant === undefined ? {} : { tenant_id: tenant }),
      };
      return {
        command: curlCommand({
          method: "POST",
          url: `${origin}/v1/permissions/check`,
          secret,
          body,
        }),
        commandSays: "Asks whether it may use a tool, and why. One that isn't in the catalog " +
          "becomes a draft, for you to look at.",
      };
    }
    case "management":
      return {
        command: curlCommand({ method: "GET", url: `${origin}/v1/policy`, secret }),
        commandSays: "Reads the whole policy, which the same key can replace.",
      };
    case "approver":
      return {
        command: curlCommand({
          method: "GET",
          url: `${origin}/v1/approvals?status=pending`,
          secret,
        }),
        commandSays: "Lists the requests that wait.",
      };
  }
}

const { name, trust_tier, tenant_ids, rate_limit_per_minute } = newMachineFields;

/** What agents and keys have in common, as a form sends it. */
export const machineFormFields = {
  name: text(name),
  trust_tier: whole(trust_tier.unwrap()),
  tenant_ids: lines(z.string()).transform((ids) => ids.length === 0 ? null : ids)
    .pipe(tenant_ids.unwrap()),
  expires_at: optionalTime,
  rate_limit_per_minute: optionalWhole(rate_limit_per_minute.unwrap().unwrap()),
};

/** The one member of a path that names an agent or a key. */
export const byId = z.object({ id: z.string().max(64) });
