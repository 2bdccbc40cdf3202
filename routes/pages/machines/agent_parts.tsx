import { StatusBadge } from "../../../components/badges.tsx";
import { Button } from "../../../components/button.tsx";
import { CheckboxField } from "../../../components/choices.tsx";
import { NewSecret } from "../../../components/code.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { DangerSection, SheetActions } from "../../../components/layout.tsx";
import { isExpired, MachineFields } from "../../../components/machine.tsx";
import { MachineName } from "../../../components/untrusted.tsx";
import type { JsonObject } from "../../../lib/base/json.ts";
import { pagePath } from "../../../lib/base/page_path.ts";
import type { Rotation, TokenedAgent } from "../../../lib/catalog/agents.ts";
import { curlCommand } from "../../../lib/onboarding/builder_scripts.ts";
import type { AgentRecord } from "../../../lib/store/records/identity.ts";
import { attempted, type AttemptedForm, shownState } from "../../dashboard/attempted.ts";
import { StopForm, StoppedNotice } from "../../dashboard/kill_switch.tsx";
import type { Attempt, Outcome } from "../../dashboard/page.ts";

/** Whether an agent may ask at all. */
export function AgentState({ agent, now }: { readonly agent: AgentRecord; readonly now: number }) {
  if (agent.kill_switch.active) return <StatusBadge status="paused" />;
  return <StatusBadge status={isExpired(agent, now) ? "expired" : "active"} />;
}

/** An agent's token, this once, and how to ask with it. */
export function agentToken(
  { record, secret }: TokenedAgent,
  { origin, tool, rotated }: {
    readonly origin: string;
    /** A tool to ask about; null while there is none. */
    readonly tool: string | null;
    /** Null for the token of a new agent. */
    readonly rotated: Rotation | null;
  },
): Outcome {
  const command = curlCommand({
    method: "POST",
    url: `${origin}/v1/permissions/check`,
    secret,
    body: checkBody(record, tool),
  });
  return {
    title: "Token",
    show: (
      <NewSecret
        title={
          <>
            Token of <MachineName type="agent" id={record.id} name={record.name} />
          </>
        }
        breadcrumb={[{ label: "Agents", href: "/agents" }]}
        label="Token"
        holder="agent"
        secret={secret}
        command={command}
        commandSays={tool === null
          ? "Asks about a tool. One that isn't in the catalog becomes a draft, for you to look at."
          : "Asks whether it may use one of your tools. The answer names the rule that decided."}
        next={{ label: "To the agent", href: pagePath("/agents/:id", { id: record.id }) }}
      >
        {rotated !== null && (
          <p>
            The token before is void from this moment on
            {rotated.keep_requests
              ? "; what was asked and minted with it is kept."
              : ", and so is what was asked and minted with it."}
          </p>
        )}
      </NewSecret>
    ),
  };
}

function checkBody({ tenant_ids }: AgentRecord, tool: string | null): JsonObject {
  // With exactly one tenant an absent one is filled in; with several it must be named.
  const tenant = (tenant_ids?.length ?? 0) > 1 ? tenant_ids?.[0] : undefined;
  return {
    tool_name: tool ?? "hello_world",
    ...(tenant === undefined ? {} : { tenant_id: tenant }),
  };
}

/** The form that makes an agent, or changes what one may do. */
export function AgentForm({ form, agent }: {
  readonly form: AttemptedForm;
  /** Null for a new one. */
  readonly agent: AgentRecord | null;
}) {
  const hidden: Record<string, string> = agent === null
    ? {}
    : { shown: shownState(agentState(agent)) };
  return (
    <Form do={agent === null ? "create" : "change"} hidden={hidden} layout="stack">
      <FieldErrors errors={form.errors} />
      <MachineFields form={form} machine={agent} />
      <p class="quiet small">
        {agent === null
          ? "Making an agent asks for your passkey. You answer for what it asks."
          : "A change that lets it do more asks for your passkey."}
      </p>
      <FormActions>
        <Button variant="primary">{agent === null ? "Make agent" : "Save"}</Button>
      </FormActions>
    </Form>
  );
}

/** What a form that changes an agent was made from. */
export function agentState(
  { name, tenant_ids, trust_tier, expires_at, rate_limit_per_minute }: AgentRecord,
): JsonObject {
  return { name, tenant_ids, trust_tier, expires_at, rate_limit_per_minute };
}

/** That an agent is paused, why, and how it goes on. */
export function PausedNotice({ agent, mayRelease, attempt }: {
  readonly agent: AgentRecord;
  readonly mayRelease: boolean;
  readonly attempt: Attempt | null;
}) {
  const { active, reason } = agent.kill_switch;
  if (!active) return null;
  return (
    <StoppedNotice
      title="This agent is paused"
      reason={reason}
      release={mayRelease ? "Let it go on" : null}
      attempt={attempt}
    >
      Everything it asks is refused.{" "}
      {mayRelease ? "Letting it go on asks for your passkey." : "Only an owner lets it go on."}
    </StoppedNotice>
  );
}

/** Stops an agent at once. */
export function PauseSection({ agent, attempt }: {
  readonly agent: AgentRecord;
  readonly attempt: Attempt | null;
}) {
  if (agent.kill_switch.active) return null;
  return (
    <DangerSection
      id="pause"
      title="Pause this agent"
      open={attempt?.do === "pause"}
      description="From its next call on everything it asks is refused, and its unspent run tokens
        count for nothing. Only an owner lets it go on."
    >
      <StopForm does="pause" attempt={attempt} label="Pause agent" icon="pause" />
    </DangerSection>
  );
}

/** A new token in place of the old one. */
export function RotateSection({ attempt }: { readonly attempt: Attempt | null }) {
  const form = attempted(attempt, "rotate");
  return (
    <DangerSection
      id="new-token"
      title="New token"
      open={attempt?.do === "rotate"}
      description="The token that it has is void at once: until your program has the new one, it is
        refused. What it asked and was given before is void too, for somebody else may have asked
        it. Asks for your passkey."
    >
      <FieldErrors errors={form.errors} />
      <Form do="rotate" layout="stack">
        <CheckboxField
          name="keep_requests"
          checked={form.checked("keep_requests")}
          label="Keep its unspent run tokens and open requests"
          hint="For a planned change only: not when somebody else may have the old token."
        />
        <SheetActions>
          <Button variant="danger" icon="refresh">Make a new token</Button>
        </SheetActions>
      </Form>
    </DangerSection>
  );
}

/** Ends an agent. */
export function RemoveSection({ attempt }: { readonly attempt: Attempt | null }) {
  return (
    <DangerSection
      id="remove"
      title="Remove this agent"
      open={attempt?.do === "remove"}
      description="Its token is void on its next call, for good. Its requests and everything that it
        did stay in the log."
    >
      <FieldErrors errors={attempted(attempt, "remove").errors} />
      <Form do="remove">
        <SheetActions>
          <Button variant="danger" icon="trash">Remove agent</Button>
        </SheetActions>
      </Form>
    </DangerSection>
  );
}
