import { z } from "zod";
import { Button } from "../../../components/button.tsx";
import { TextField } from "../../../components/fields.tsx";
import { FieldErrors, Form } from "../../../components/form.tsx";
import { DangerSection, Notice } from "../../../components/layout.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { changeTool, removeTool, stopTool } from "../../../lib/catalog/tools.ts";
import type { ToolRecord } from "../../../lib/store/records/policy.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { optional } from "../../dashboard/form.ts";
import { action, type Attempt } from "../../dashboard/page.ts";
import { killSwitchField } from "../../fields/catalog.ts";
import { toolPath } from "./form.tsx";

type Call = MemberCall<{ readonly name: string }, unknown>;

const reason = killSwitchField.shape.reason.unwrap().unwrap();

/** What stops a tool, lets it go on, and takes it out of use. */
export const SWITCH_ACTIONS = {
  stop: action(z.strictObject({ reason: optional(reason) }), async (call: Call, form) => {
    const { name } = call.params;
    await call.transact(stopTool(name, form.reason, call.id), "kill_switch_on");
    return { to: toolPath(name), notice: `${name} is stopped: every use of it is refused.` };
  }, "kill_switch_on"),
  release: action(z.strictObject({}), async (call: Call) => {
    const { name } = call.params;
    const kill_switch = { active: false, reason: null };
    await call.transact(changeTool(name, { kill_switch }, call.id), "kill_switch_off");
    return { to: toolPath(name), notice: `${name} goes on: rules decide again.` };
  }, "kill_switch_off"),
  remove: action(z.strictObject({}), async (call: Call) => {
    const { name } = call.params;
    const { removed } = await call.transact(removeTool(name, call.id), "configure");
    return removed
      ? { to: "/tools", notice: `The draft ${name} is deleted.` }
      : { to: toolPath(name), notice: `${name} is archived: every use of it is refused.` };
  }, "configure"),
};

/** That a tool is stopped, why, and how it goes on. */
export function StoppedNotice({ tool, mayRelease, attempt }: {
  readonly tool: ToolRecord;
  readonly mayRelease: boolean;
  readonly attempt: Attempt | null;
}) {
  if (!tool.kill_switch.active) return null;
  const { reason } = tool.kill_switch;
  return (
    <Notice
      tone="danger"
      live={false}
      title="This tool is stopped"
      actions={mayRelease && (
        <Form do="release">
          <Button>Release it</Button>
        </Form>
      )}
    >
      <p>
        Every use of it is refused, whatever the rules say.{" "}
        {mayRelease ? "Releasing it asks for your passkey." : "Only an owner can release it."}
      </p>
      {reason !== null && (
        <p>
          Reason: <UntrustedText text={reason} />
        </p>
      )}
      <FieldErrors errors={attempted(attempt, "release").errors} />
    </Notice>
  );
}

/** Stops a tool at once. */
export function StopSection({ tool, attempt }: {
  readonly tool: ToolRecord;
  readonly attempt: Attempt | null;
}) {
  if (tool.kill_switch.active) return null;
  const form = attempted(attempt, "stop");
  return (
    <DangerSection
      title="Stop this tool"
      open={attempt?.do === "stop"}
      description="Its kill switch: from the next call on every use is refused, unspent run tokens
        too. Only an owner can release it."
    >
      <Form do="stop" layout="stack">
        <FieldErrors errors={form.errors} />
        <TextField
          name="reason"
          label="Reason"
          hint="For your colleagues. It is shown on this page."
          value={form.value("reason")}
          error={form.error("reason")}
          maxLength={500}
          optional
        />
        <div>
          <Button variant="danger" icon="power">Stop {tool.name}</Button>
        </div>
      </Form>
    </DangerSection>
  );
}

/** Takes a tool out of use for good. */
export function RemoveSection({ tool, attempt }: {
  readonly tool: ToolRecord;
  readonly attempt: Attempt | null;
}) {
  if (tool.status === "archived") return null;
  const isDraft = tool.status === "draft";
  return (
    <DangerSection
      title={isDraft ? "Delete this draft" : "Archive this tool"}
      open={attempt?.do === "remove"}
      description={isDraft
        ? "It comes back as a draft when an agent asks about it again. Its rules stay."
        : "Every use of it is refused from now on. Its name, rules and history stay; changing its " +
          "status brings it back."}
    >
      <FieldErrors errors={attempted(attempt, "remove").errors} />
      <Form do="remove">
        <Button variant="danger" icon={isDraft ? "trash" : "archive"}>
          {isDraft ? "Delete draft" : "Archive tool"}
        </Button>
      </Form>
    </DangerSection>
  );
}
