import { z } from "zod";
import { Badge } from "../../../components/badges.tsx";
import { Button } from "../../../components/button.tsx";
import { DurationField } from "../../../components/duration.tsx";
import { TextField } from "../../../components/fields.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import {
  DangerSection,
  Definitions,
  Notice,
  Section,
  SheetActions,
} from "../../../components/layout.tsx";
import { LastUsed } from "../../../components/machine.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Time } from "../../../components/time.tsx";
import { MachineName, UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { personWords } from "../../../lib/base/person.ts";
import type { MemberCaller } from "../../../lib/identity/caller.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import type { Snapshot } from "../../../lib/policy/snapshot.ts";
import { Refusal } from "../../../lib/refusal.ts";
import { OF_ORG, type VaultRecord } from "../../../lib/store/records/vault.ts";
import { isNamed } from "../../../lib/vault/acting.ts";
import {
  deleteCredential,
  MOST_OVERLAP_SECONDS,
  rotateCredential,
  setUsedBy,
} from "../../../lib/vault/credentials.ts";
import { existingCredential } from "../../../lib/vault/keepers.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { duration } from "../../dashboard/form.ts";
import { action, type Attempt, memberPage } from "../../dashboard/page.ts";
import {
  atFields,
  possibleUsers,
  SecretField,
  secretField,
  UsedByField,
  usedByField,
} from "./credential_form.tsx";
import {
  ConnectLink,
  type CredentialRow,
  credentialRows,
  CredentialState,
  KIND_WORDS,
  troubleWords,
} from "./credential_parts.tsx";

const byId = z.object({ id: z.string().max(64) });

type Call = MemberCall<z.output<typeof byId>>;

const LISTS = {
  org: { label: "Credentials", href: "/credentials" },
  own: { label: "Your credentials", href: "/connections/credentials" },
} as const;

/** A key or an agent that a member's own credential acts for. */
interface Named {
  readonly type: "agent" | "api_key";
  readonly id: string;
  readonly name: string;
  /** False where somebody else was shown its secret since. */
  readonly acts: boolean;
}

/** Whose page it is: of the organization anybody's who reads; of a member theirs, and the team's. */
function seenBy(snapshot: Snapshot, caller: MemberCaller, id: string) {
  const record = existingCredential(snapshot, id);
  const isOwn = record.owner === caller.id;
  const manages = hasRight(caller.role, "manage_members");
  if (record.owner !== OF_ORG && !isOwn && !manages) {
    throw new Refusal("not_found", { what: `credential ${id}` });
  }
  const configures = record.owner === OF_ORG && hasRight(caller.role, "configure");
  const connecting = [...snapshot.members.values()];
  return {
    record,
    isOwn,
    mayKeep: isOwn ? hasRight(caller.role, "grant_write") : configures,
    mayEnd: isOwn || configures || (record.owner !== OF_ORG && manages),
    named: record.used_by.flatMap(({ id: user }): Named[] => {
      const agent = snapshot.agents.get(user);
      const name = agent?.name ?? snapshot.apiKeys.get(user)?.name;
      const type = agent === undefined ? "api_key" : "agent";
      return name === undefined
        ? []
        : [{ type, id: user, name, acts: isNamed(snapshot, record, user) }];
    }),
    users: possibleUsers(snapshot, record.used_by.map((user) => user.id)),
    nameOf: (member: string) => {
      const found = connecting.find((one) => one.id === member);
      return found === undefined ? "a former member" : personWords(found);
    },
    snapshot,
  };
}

/** One credential: where it goes, how it stands, for whom it acts, and its end. */
export const credentialPage = memberPage({
  path: "/credentials/:id",
  section: "upstreams",
  needs: "read",
  params: byId,
  load: async (call: Call) => {
    const { params: { id }, services } = call;
    const { snapshot, nameOf, ...seen } = await call.transact({
      plan: ({ snapshot }, caller) => seenBy(snapshot, caller, id),
    });
    const [row] = await credentialRows(services, snapshot, [seen.record]);
    if (row === undefined) throw new Refusal("not_found", { what: `credential ${id}` });
    const connected_by = row.grant?.connected_by ?? null;
    return { ...seen, row, connected_by: connected_by === null ? null : nameOf(connected_by) };
  },
  title: ({ record }) => record.name,
  view: ({ data, attempt, now }) => {
    const { record, row, isOwn, mayKeep, mayEnd, named } = data;
    const trouble = troubleWords(row.grant);
    return (
      <>
        <PageHeader
          title={<UntrustedText text={record.name} />}
          breadcrumb={[isOwn ? LISTS.own : LISTS.org]}
          badges={<CredentialState grant={row.grant} />}
          actions={mayKeep && <ConnectLink {...row} />}
        />
        {trouble !== null && (
          <Notice
            tone={row.grant?.state === "needs_reconnect" ? "danger" : "warning"}
            live={false}
            title={row.grant?.state === "needs_reconnect"
              ? "It has to be connected by a person"
              : "It rests"}
          >
            {trouble}
          </Notice>
        )}
        <Facts row={row} connected_by={data.connected_by} now={now} />
        {record.owner !== OF_ORG && (
          <ActsFor
            record={record}
            named={named}
            users={data.users}
            mayChange={mayKeep}
            attempt={attempt}
          />
        )}
        {mayKeep && <Rotation record={record} attempt={attempt} />}
        {mayEnd && <Removal row={row} attempt={attempt} />}
      </>
    );
  },
  actions: {
    rotate: action(
      z.strictObject({
        secret: secretField,
        overlap_seconds: duration(z.number().int().min(0).max(MOST_OVERLAP_SECONDS)),
      }),
      async (call: Call, rotation) => {
        await atFields(async () =>
          await call.transact(rotateCredential(call.params.id, rotation, call.id))
        );
        return { to: here(call), notice: "The new one is shown from now on." };
      },
    ),
    use: action(
      z.strictObject({ used_by: usedByField }),
      async (call: Call, { used_by }) => {
        await call.transact(setUsedBy(call.params.id, used_by, call.id));
        return { to: here(call), notice: "Saved." };
      },
    ),
    remove: action(z.strictObject({}), async (call: Call) => {
      const { owner, name } = await call.transact(deleteCredential(call.params.id, call.id));
      const list = owner === call.caller.id ? LISTS.own : LISTS.org;
      return { to: list.href, notice: `${name} is removed.` };
    }),
  },
});

function here({ params: { id } }: Call): string {
  return pagePath("/credentials/:id", { id });
}

function Facts({ row: { record, grant, upstreams, used_at, owner }, connected_by, now }: {
  readonly row: CredentialRow;
  readonly connected_by: string | null;
  readonly now: number;
}) {
  const { kind, field, origins, oauth } = record;
  const issued = oauth === null ? [] : [
    { term: "Provider", value: <UntrustedText text={oauth.issuer} mono /> },
    {
      term: "Account",
      value: grant?.account == null
        ? <span class="quiet">Not said by its provider</span>
        : <UntrustedText text={grant.account} />,
    },
    ...(connected_by === null
      ? []
      : [{ term: "Connected by", value: <UntrustedText text={connected_by} /> }]),
    ...(grant?.expires_at == null
      ? []
      : [{ term: "Access ends", value: <Time at={grant.expires_at} now={now} /> }]),
  ];
  return (
    <Definitions
      items={[
        {
          term: "Kind",
          value: field === null ? KIND_WORDS[kind].label : (
            <>
              {KIND_WORDS[kind].label} <UntrustedText text={field} mono />
            </>
          ),
        },
        {
          term: "Whose",
          value: record.owner === OF_ORG
            ? "The organization's"
            : <UntrustedText text={owner ?? "A former member's"} />,
        },
        { term: "Goes to", value: <UntrustedText text={origins.join(", ")} mono /> },
        ...issued,
        {
          term: "Carried by",
          value: upstreams.length === 0 ? <span class="quiet">No upstream</span> : (
            upstreams.map((name, at) => (
              <span key={name}>
                {at > 0 && ", "}
                <a href={pagePath("/upstreams/:name", { name })}>
                  <UntrustedText text={name} mono />
                </a>
              </span>
            ))
          ),
        },
        { term: "Last used", value: <LastUsed at={used_at} now={now} /> },
        ...(record.rotated_at === null
          ? []
          : [{ term: "Rotated", value: <Time at={record.rotated_at} now={now} /> }]),
        { term: "Put in", value: <Time at={record.created_at} now={now} /> },
        { term: "Id", value: record.id, mono: true },
      ]}
    />
  );
}

function ActsFor({ record, named, users, mayChange, attempt }: {
  readonly record: VaultRecord;
  readonly named: readonly Named[];
  readonly users: ReturnType<typeof possibleUsers>;
  readonly mayChange: boolean;
  readonly attempt: Attempt | null;
}) {
  const form = attempted(attempt, "use");
  const away = named.filter(({ acts }) => !acts);
  return (
    <Section
      title="Who acts by it"
      id="use"
      description="The programs that its member connected, and the agents and keys that are named here."
    >
      {named.length > 0 && (!mayChange || away.length > 0) && (
        <ul class="findings">
          {named.map((one) => (
            <li key={one.id}>
              <MachineName type={one.type} id={one.id} name={one.name} />{" "}
              {!one.acts && <Badge tone="warning" icon="warning">Not any more</Badge>}
            </li>
          ))}
        </ul>
      )}
      {away.length > 0 && (
        <p class="quiet">
          Somebody else was shown its token since it was named, and isn't to act by this account:
          name it again if they may.
        </p>
      )}
      {mayChange && (
        <Form do="use" layout="stack">
          <FieldErrors errors={form.errors} />
          <UsedByField
            form={form}
            users={users}
            named={record.used_by.map(({ id }) => id).filter((id) =>
              named.some((one) => one.id === id && one.acts)
            )}
          />
          {users.length > 0 && (
            <FormActions>
              <Button>Save</Button>
            </FormActions>
          )}
        </Form>
      )}
    </Section>
  );
}

function Rotation({ record: { kind, oauth }, attempt }: {
  readonly record: VaultRecord;
  readonly attempt: Attempt | null;
}) {
  const form = attempted(attempt, "rotate");
  if (oauth !== null && oauth.client_id === null) return null;
  return (
    <Section
      title="Rotate"
      id="rotate"
      description={oauth === null
        ? "Servers get the new one from now on. The one before can be tried for a while where the new one isn't taken."
        : "Put in another refresh token of the same client."}
    >
      <Form do="rotate" layout="stack" hidden={kind === "oauth2" ? { overlap_seconds: "0" } : {}}>
        <FieldErrors errors={form.errors} />
        {kind === "oauth2"
          ? (
            <TextField
              name="secret"
              label="Refresh token"
              hint="It is kept sealed, and shown nowhere again."
              error={form.error("secret")}
              type="password"
              maxLength={8192}
              autoComplete="off"
              spellcheck={false}
              mono
              required
            />
          )
          : (
            <>
              <SecretField form={form} kind={kind} />
              <DurationField
                name="overlap_seconds"
                label="Try the one before for"
                error={form.error("overlap_seconds")}
                value={form.values("overlap_seconds", ["0"])}
                min={0}
                max={MOST_OVERLAP_SECONDS}
              />
            </>
          )}
        <FormActions>
          <Button>Rotate</Button>
        </FormActions>
      </Form>
    </Section>
  );
}

function Removal({ row: { upstreams }, attempt }: {
  readonly row: CredentialRow;
  readonly attempt: Attempt | null;
}) {
  const form = attempted(attempt, "remove");
  return (
    <DangerSection
      id="remove"
      title="Remove this credential"
      open={form.refused}
      description={`It goes nowhere from then on${
        upstreams.length === 0
          ? ""
          : `, and calls that would carry it are refused: ${upstreams.join(", ")}`
      }. What its provider keeps of it is ended there.`}
    >
      <FieldErrors errors={form.errors} />
      <Form do="remove">
        <SheetActions>
          <Button variant="danger" icon="trash">Remove credential</Button>
        </SheetActions>
      </Form>
    </DangerSection>
  );
}
