import { type ComponentChildren, Fragment } from "preact";
import type { Definition } from "./definitions.tsx";
import { tierWords } from "./machine.tsx";
import { Tags } from "./tags.tsx";
import { Time } from "./time.tsx";
import { UntrustedText } from "./untrusted_text.tsx";

/** Tenants that a list names; the page of the machine itself names all. */
const TENANTS_LISTED = 3;

/** The facts that agents and keys have in common. */
export interface MachineRecord {
  readonly id: string;
  readonly trust_tier: number;
  readonly tenant_ids: readonly string[] | null;
  readonly expires_at: number | null;
  readonly rate_limit_per_minute: number | null;
  readonly created_at: number;
}

export interface MachineFactsProps {
  readonly machine: MachineRecord;
  /** E-mail addresses of the members who answer for it, but for those who left. */
  readonly behind: readonly string[];
  readonly lastUsed: number | null;
  readonly now: number;
}

/** What is to be known of an agent or a key on its own page. */
export function machineFacts(props: MachineFactsProps): Definition[] {
  const { machine, behind, lastUsed, now } = props;
  return [
    { term: "Last used", value: <LastUsed at={lastUsed} now={now} /> },
    { term: "Answered for by", value: <Behind behind={behind} /> },
    { term: "Tenants", value: <Tags tags={machine.tenant_ids ?? []} none="All" /> },
    { term: "Trust tier", value: tierWords(machine.trust_tier) },
    { term: "Expires", value: <Expiry at={machine.expires_at} now={now} /> },
    {
      term: "Limit",
      value: machine.rate_limit_per_minute === null
        ? "None"
        : `${machine.rate_limit_per_minute} requests a minute`,
    },
    { term: "Made", value: <Time at={machine.created_at} now={now} /> },
    { term: "Id", value: machine.id, mono: true },
  ];
}

/** Whether an agent or a key has had its time. */
export function isExpired({ expires_at }: Pick<MachineRecord, "expires_at">, now: number): boolean {
  return expires_at !== null && expires_at <= now;
}

/** Who answers for an agent or a key. */
export function Behind({ behind }: { readonly behind: readonly string[] }): ComponentChildren {
  if (behind.length === 0) return <span class="quiet">Nobody</span>;
  return behind.map((email, i) => (
    <Fragment key={email}>
      {i > 0 && ", "}
      <UntrustedText text={email} />
    </Fragment>
  ));
}

/** When it was last used, up to a minute late. */
export function LastUsed({ at, now }: { readonly at: number | null; readonly now: number }) {
  return at === null
    ? <span class="quiet">Never</span>
    : <Time at={at} now={now} show="relative" />;
}

/** Until when it is accepted. */
export function Expiry({ at, now }: { readonly at: number | null; readonly now: number }) {
  return at === null ? <span class="quiet">Never</span> : <Time at={at} now={now} />;
}

/** The tenants that it may act for, in a list. */
export function TenantsCell({ tenants }: { readonly tenants: readonly string[] | null }) {
  const more = (tenants?.length ?? 0) - TENANTS_LISTED;
  const shown = tenants?.slice(0, TENANTS_LISTED) ?? [];
  return <Tags tags={more > 0 ? [...shown, `and ${more} more`] : shown} none="All" />;
}
