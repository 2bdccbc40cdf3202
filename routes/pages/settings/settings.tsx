import type { ComponentChildren } from "preact";
import { z } from "zod";
import { Button } from "../../../components/button.tsx";
import { countedWords } from "../../../components/duration.tsx";
import { FieldErrors, Form } from "../../../components/form.tsx";
import { Definitions, Section } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Time } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { changeOrg, stopOrg } from "../../../lib/catalog/org_settings.ts";
import { publishedKeysOf } from "../../../lib/evidence/published_keys.ts";
import { deleteOrg } from "../../../lib/leaving/org.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import { acceptClockAsOwner, type OpenJump, openJump } from "../../../lib/server/clock.ts";
import type { OrgRecord } from "../../../lib/store/records/policy.ts";
import { asShown, attempted, changedFrom } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { optional, text } from "../../dashboard/form.ts";
import { action, type Attempt, memberPage } from "../../dashboard/page.ts";
import { killSwitchField } from "../../fields/catalog.ts";
import { DeleteSection, KillSwitchSection } from "./danger.tsx";
import {
  countedInOf,
  DISCOVERY_WORDS,
  groupState,
  isSpan,
  SETTING_GROUPS,
  SETTING_WORDS,
  type SettingGroup,
  type SettingName,
  SettingsForms,
} from "./form.tsx";

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
        <PageHeader title="Settings" />
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
    users: saving("users"),
    unknown_tools: saving("unknown_tools"),
    drafts: saving("drafts"),
    allowly: saving("allowly"),
    budgets: saving("budgets"),
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

/** The settings, for whoever may look only. */
function SettingsFacts({ org }: { readonly org: OrgRecord }) {
  const names = Object.keys(SETTING_WORDS) as SettingName[];
  return (
    <Section
      title="Settings"
      description="Owners and admins change them; what lets more through is for owners."
    >
      <Definitions
        items={names.map((name) => ({
          term: SETTING_WORDS[name].label,
          value: (
            <>
              <strong>{settingValue(org, name)}</strong>
              <p class="quiet small">{SETTING_WORDS[name].hint}</p>
            </>
          ),
        }))}
      />
    </Section>
  );
}

function settingValue(org: OrgRecord, name: SettingName): ComponentChildren {
  if (name === "discovery") return DISCOVERY_WORDS[org.discovery].label;
  if (isSpan(name)) return countedWords(org[name], countedInOf(name));
  const value = org[name];
  if (typeof value === "object") return value.length === 0 ? "None" : `${value.join(", ")} %`;
  if (typeof value === "boolean") return value ? "On" : "Off";
  if (typeof value === "number") return value.toLocaleString("en");
  return <UntrustedText text={value} />;
}

/** What is to be known of a deployment by whoever checks its log. */
interface Deployment {
  readonly issuer: string;
  /** Thumbprint (RFC 7638) of the key that signs the log now. */
  readonly logKey: string | null;
  readonly retiredKeys: number;
  readonly mailConfigured: boolean;
}

/** Facts that nobody changes here. */
function DeploymentSection({ org, deployment }: {
  readonly org: OrgRecord;
  readonly deployment: Deployment;
}) {
  const { issuer, logKey, retiredKeys, mailConfigured } = deployment;
  return (
    <Section
      title="This deployment"
      description="Write the fingerprint down somewhere else: whoever checks the log against it
        notices one that was swapped."
    >
      <Definitions
        items={[
          { term: "Issuer", value: issuer, mono: true },
          { term: "Organization id", value: org.id, mono: true },
          { term: "Name of the log", value: org.log_origin, mono: true },
          { term: "Fingerprint of its key", value: logKey ?? "None yet", mono: true },
          {
            term: "Its public keys",
            value: (
              <span>
                <a href={`/.well-known/countersign/keys/${org.id}`}>As a JWK set</a>
                {retiredKeys > 0 && `, ${retiredKeys} of them retired`}
              </span>
            ),
          },
          {
            term: "Mail",
            value: mailConfigured
              ? "A mail server is set up."
              : "No mail server: codes stand on the server’s console, links are handed over.",
          },
        ]}
      />
    </Section>
  );
}

const WHY: Readonly<Record<OpenJump["why"], { readonly expected: string; readonly says: string }>> =
  {
    ahead: {
      expected: "Newest entry of the log",
      says:
        "The log is ahead of this server's clock by more than 5 minutes, so nothing is let through " +
        "and nothing is written. Either the clock is behind, or one that was ahead has written into " +
        "the log.",
    },
    drifted: {
      expected: "Expected by this server",
      says:
        "This server's clock was set by more than 5 minutes while it ran, or the machine slept. " +
        "Nothing is let through and nothing is written.",
    },
    jumped: {
      expected: "Last in use",
      says:
        "When this server started, its clock lay more than a day after the store was last in use. " +
        "That stops nothing.",
    },
  };

/** A jump of the clock that waits for an owner's word. */
function ClockSection({ jump, mayAccept, attempt, now }: {
  readonly jump: OpenJump;
  readonly mayAccept: boolean;
  readonly attempt: Attempt | null;
  readonly now: number;
}) {
  const { expected, says } = WHY[jump.why];
  return (
    <Section
      title="The clock of the server"
      id="clock"
      description={says}
    >
      <Definitions
        items={[
          { term: expected, value: <Time at={jump.from} now={now} /> },
          { term: "Clock of the server", value: <Time at={jump.to} now={now} show="absolute" /> },
        ]}
      />
      <FieldErrors errors={attempted(attempt, "accept_clock").errors} />
      {mayAccept
        ? (
          <Form do="accept_clock" layout="stack">
            <p>
              Compare it with a clock that you trust. If it is wrong, have it set right. If it is
              right, accept it: everything goes by it from then on, and what a clock that was ahead
              had let through or asked for is over. It asks for your passkey.
            </p>
            <div>
              <Button variant="danger">The clock is right: accept it</Button>
            </div>
          </Form>
        )
        : <p class="quiet">An owner can accept the clock, under their passkey.</p>}
    </Section>
  );
}
