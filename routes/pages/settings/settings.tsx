import { z } from "zod";
import { PageHeader } from "../../../components/layout.tsx";
import { changeOrg, stopOrg } from "../../../lib/catalog/org_settings.ts";
import { publishedKeysOf } from "../../../lib/evidence/published_keys.ts";
import { deleteOrg } from "../../../lib/leaving/org.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import { acceptClockAsOwner, openJump } from "../../../lib/server/clock.ts";
import { asShown } from "../../as_shown.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { optional, text } from "../../dashboard/form.ts";
import { action, memberPage } from "../../dashboard/page.ts";
import { changedFrom } from "../../shown_state.ts";
import { killSwitchField } from "../../v1/catalog_fields.ts";
import { ClockSection } from "../settings_clock.tsx";
import { DeploymentSection, SettingsFacts } from "../settings_facts.tsx";
import { groupState, SETTING_GROUPS, type SettingGroup } from "../settings_fields.ts";
import { DeleteSection, KillSwitchSection } from "./danger.tsx";
import { SettingsForms } from "./form.tsx";

const PATH = "/settings";

type Call = MemberCall<unknown, unknown>;

const stopping = z.strictObject({
  reason: optional(killSwitchField.shape.reason.unwrap().unwrap()),
});

const deletion = z.strictObject({ name: text(z.string().max(200, "is longer than any name")) });

/** What holds for the whole organization, its kill switch, and its end. */
export const settingsPage = memberPage({
  path: PATH,
  title: "Settings",
  section: "settings",
  needs: "read",
  load: async (call: Call) => {
    const { services: { deps, settings }, caller: { role } } = call;
    const { clock } = call.services.ledgers;
    const org = await call.transact({ plan: ({ snapshot }) => snapshot.org });
    const jump = await call.transact(openJump(clock));
    const keys = await publishedKeysOf(call.services, org.id);
    return {
      org,
      jump,
      deployment: {
        issuer: settings.url.origin,
        logKey: keys.find(({ status }) => status === "active")?.kid ?? null,
        retiredKeys: keys.filter(({ status }) => status === "retired").length,
        mailConfigured: deps.mail.configured,
      },
      mayConfigure: hasRight(role, "configure"),
      mayWiden: hasRight(role, "widen_settings"),
      mayStop: hasRight(role, "kill_switch_on"),
      mayRelease: hasRight(role, "kill_switch_off"),
      mayAcceptClock: hasRight(role, "accept_clock"),
      mayDelete: hasRight(role, "delete_org"),
    };
  },
  view: ({ data, attempt, now }) => {
    const { org, jump, mayAcceptClock: mayAccept } = data;
    const killSwitch = <KillSwitchSection {...data} attempt={attempt} />;
    return (
      <>
        <PageHeader title="Settings" description="What holds for the whole organization." />
        {org.kill_switch.active && killSwitch}
        {jump !== null && <ClockSection {...{ jump, mayAccept, attempt, now }} />}
        {data.mayConfigure
          ? <SettingsForms org={org} attempt={attempt} mayWiden={data.mayWiden} />
          : <SettingsFacts org={org} />}
        <DeploymentSection org={org} deployment={data.deployment} />
        {!org.kill_switch.active && killSwitch}
        {data.mayDelete && <DeleteSection org={org} attempt={attempt} />}
      </>
    );
  },
  actions: {
    general: saving("general"),
    deadlines: saving("deadlines"),
    deciding: saving("deciding"),
    unknown_tools: saving("unknown_tools"),
    records: saving("records"),
    stop: action(stopping, async (call: Call, { reason }) => {
      await call.transact(stopOrg(reason, call.id), "kill_switch_on");
      return { to: PATH, notice: "Everything is stopped: every action is refused." };
    }, "kill_switch_on"),
    release: action(z.strictObject({}), async (call: Call) => {
      const kill_switch = { active: false, reason: null };
      await call.transact(changeOrg({ kill_switch }, call.id), "kill_switch_off");
      return { to: PATH, notice: "The kill switch is released: rules decide again." };
    }, "kill_switch_off"),
    accept_clock: action(z.strictObject({}), async (call: Call) => {
      const accepting = acceptClockAsOwner(call.services.ledgers.clock, call.id);
      const jump = await call.transact(accepting, "accept_clock");
      const notice = jump === null
        ? "The clock and the log agree: nothing was to be accepted."
        : "The clock is accepted.";
      return { to: PATH, notice };
    }, "accept_clock"),
    delete_org: action(deletion, async (call: Call, { name }) => {
      const { name: deleted } = await call.transact(deleteOrg(name, call.client), "delete_org");
      return { to: "/organizations", notice: `${deleted} is deleted.` };
    }, "delete_org"),
  },
});

/** The action that sets one group of settings. */
function saving(group: SettingGroup) {
  return action(SETTING_GROUPS[group], async (call: Call, { shown, ...change }) => {
    const changed = asShown(
      changeOrg(change, call.id),
      ({ snapshot }) => changedFrom(groupState(snapshot.org, group), shown),
    );
    await call.transact(changed, "configure");
    return { to: PATH, notice: "Saved." };
  }, "configure");
}
