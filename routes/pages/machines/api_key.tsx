import { z } from "zod";
import { Badge } from "../../../components/badges.tsx";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { FieldErrors, Form } from "../../../components/form.tsx";
import { DangerSection, Definitions, Section, SheetActions } from "../../../components/layout.tsx";
import { machineFacts } from "../../../components/machine.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { MachineName } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { keepBootstrapKey, revokeApiKey } from "../../../lib/catalog/api_keys.ts";
import { namesOf } from "../../../lib/evidence/telling.ts";
import { isSuperseded } from "../../../lib/identity/caller.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import { Refusal } from "../../../lib/refusal.ts";
import { requesterWords } from "../../../lib/sheet/sentence.ts";
import type { ApiKeyRecord } from "../../../lib/store/records/identity.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { action, type Attempt, memberPage } from "../../dashboard/page.ts";
import { ApiKeyState, byId, TIER_WORDS } from "./api_keys_parts.tsx";

type Call = MemberCall<z.output<typeof byId>>;

const nothing = z.strictObject({});

/** One key: what it may do, and its end. */
export const apiKeyPage = memberPage({
  path: "/api-keys/:id",
  section: "api_keys",
  needs: "read",
  params: byId,
  load: async (call: Call) => {
    const { params: { id }, services, org, caller } = call;
    const found = await call.transact({
      plan: ({ snapshot }) => {
        const record = snapshot.apiKeys.get(id);
        if (record === undefined) throw new Refusal("not_found", { what: `API key ${id}` });
        const names = namesOf(snapshot);
        return {
          record,
          superseded: isSuperseded(record, snapshot),
          behind: record.members_behind.flatMap((id) => names.of(id) ?? []),
        };
      },
    });
    const used = await services.lastUsed.of(org, [id]);
    return {
      ...found,
      lastUsed: used.get(id) ?? null,
      mayConfigure: hasRight(caller.role, "configure"),
      mayKeep: hasRight(caller.role, "make_approver_keys"),
    };
  },
  title: ({ record }) => `Key ${requesterWords({ type: "api_key", ...record })}`,
  view: ({ data, attempt, now }) => {
    const { record, superseded, mayConfigure } = data;
    return (
      <>
        <PageHeader
          title={<MachineName type="api_key" id={record.id} name={record.name} />}
          breadcrumb={[{ label: "API keys", href: pagePath("/api-keys", { tier: record.tier }) }]}
          badges={
            <>
              <Badge icon="key">{TIER_WORDS[record.tier].label}</Badge>
              <ApiKeyState record={record} superseded={superseded} now={now} />
            </>
          }
          description={TIER_WORDS[record.tier].hint}
          actions={
            <ButtonLink href={pagePath("/activity", { actor: record.id })} icon="activity">
              Activity of this key
            </ButtonLink>
          }
        />
        <Section title="Details">
          <Definitions items={machineFacts({ ...data, machine: record, now })} />
        </Section>
        {record.bootstrap && <BootstrapSection {...data} attempt={attempt} />}
        {mayConfigure && <RevokeSection record={record} attempt={attempt} />}
      </>
    );
  },
  actions: {
    keep: action(nothing, async (call: Call) => {
      const { record } = await call.transact(
        keepBootstrapKey(call.params.id, call.id),
        "make_approver_keys",
      );
      return {
        to: pagePath("/api-keys/:id", { id: record.id }),
        notice: "The key is kept: it decides on.",
      };
    }, "make_approver_keys"),
    revoke: action(nothing, async (call: Call) => {
      const { record, warning } = await call.transact(
        revokeApiKey(call.params.id, call.id),
        "configure",
      );
      const notice = `${
        requesterWords({ type: "api_key", ...record })
      } is revoked: its next call is refused.`;
      return {
        to: pagePath("/api-keys", { tier: record.tier }),
        notice: warning === null
          ? notice
          : `${notice} No key and no owner with a passkey is left to configure the organization.`,
      };
    }, "configure"),
  },
});

function BootstrapSection({ record, superseded, mayKeep, attempt }: {
  readonly record: ApiKeyRecord;
  readonly superseded: boolean;
  readonly mayKeep: boolean;
  readonly attempt: Attempt | null;
}) {
  if (record.tier !== "approver") {
    return (
      <Section title="Handed over by the operator">
        <p>
          Whoever runs this deployment chose it, and set it as an environment variable before the
          first start. It stands in that environment still: revoke it once you have keys of your
          own. A restart doesn't bring it back.
        </p>
      </Section>
    );
  }
  return (
    <Section title="Handed over by the operator">
      <div class="stack">
        <p>
          It stood in for an owner’s passkey until there was one. {superseded
            ? "There is one now, so it is out of force: nobody decides with it."
            : record.kept
            ? "An owner kept it, so it decides on beside the passkeys."
            : "It is in force until an owner has one."}
        </p>
        {superseded && mayKeep && (
          <>
            <FieldErrors errors={attempted(attempt, "keep").errors} />
            <p>
              If you keep it, whoever knows it approves requests without any passkey, and the log
              names the key instead of a person. It asks for yours.
            </p>
            <Form do="keep">
              <Button variant="danger">Keep it in force</Button>
            </Form>
          </>
        )}
        {superseded && !mayKeep && <p class="quiet">Only an owner can keep it.</p>}
      </div>
    </Section>
  );
}

function RevokeSection({ record, attempt }: {
  readonly record: ApiKeyRecord;
  readonly attempt: Attempt | null;
}) {
  return (
    <DangerSection
      id="revoke"
      title="Revoke this key"
      open={attempt?.do === "revoke"}
      description={`Whatever uses it is refused from its next call on, for good.${
        record.tier === "standard" ? " What was approved for it can't be used any more." : ""
      }`}
    >
      <FieldErrors errors={attempted(attempt, "revoke").errors} />
      <Form do="revoke">
        <SheetActions>
          <Button variant="danger" icon="trash">Revoke key</Button>
        </SheetActions>
      </Form>
    </DangerSection>
  );
}
