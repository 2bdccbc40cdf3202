import type { ComponentChildren } from "preact";
import { pagePath } from "../lib/base/page_path.ts";
import type { ApprovalRow, ShortValue } from "../lib/sheet/row.ts";
import { Badge, DangerMarks, RiskBadge, type Status, StatusBadge } from "./badges.tsx";
import { GUARD_WORDS } from "./findings.tsx";
import { Deadline, Time } from "./time.tsx";
import { Digits, MachineName, Name, UntrustedText } from "./untrusted.tsx";

/**
 * Requests as rows of one line, each leading to its page. There is nothing here to approve with:
 * whoever approves has looked at the request itself.
 */

/** Requests one by one. */
export function ApprovalList({ rows, now, allWait = false }: {
  readonly rows: readonly ApprovalRow[];
  readonly now: number;
  /** Whether the list holds only what waits, so that no row has to say so. */
  readonly allWait?: boolean;
}) {
  return (
    <ol class="approval-list">
      {rows.map((row) => <RequestRow key={row.id} row={row} now={now} isWaiting={allWait} />)}
    </ol>
  );
}

/** What of the danger of a request its tool and requester have, whatever it asks for. */
const OF_THE_TOOL: readonly string[] = ["destructive", "open_world", "first"];

/** The marks that every request of the same requester and tool has, or those that this one has. */
export function marksOf({ dangers }: ApprovalRow, which: "shared" | "own") {
  return (dangers?.marks ?? []).filter(({ kind }) =>
    OF_THE_TOOL.includes(kind) === (which === "shared")
  );
}

export interface RequestRowProps {
  readonly row: ApprovalRow;
  readonly now: number;
  /** Whether it is known to wait. */
  readonly isWaiting: boolean;
  /** Whether what stands above it says who asks and for which tool. */
  readonly inGroup?: boolean;
  /** The box that chooses it. */
  readonly pick?: ComponentChildren;
  /** Whether the keyboard is at it; undefined where keys do not go through the list. */
  readonly isCurrent?: boolean | undefined;
}

/** One request: how dangerous, who asks for what, with which values, and how long it waits. */
export function RequestRow(props: RequestRowProps) {
  const { row, now, isWaiting, inGroup = false, pick, isCurrent } = props;
  const { dangers, requester } = row;
  const subject = [row.method, row.resource, row.tenant].filter((part) => part !== null);
  return (
    <li class={`approval-row${pick === undefined ? "" : " approval-row-picked"}`}>
      {pick}
      {dangers !== null && <RiskBadge risk={dangers.risk} gauge />}
      <div class="approval-row-what">
        <a
          class="row-link"
          href={pagePath("/approvals/:id", { id: row.id })}
          data-request={row.id}
          {...(isCurrent === undefined ? {} : { tabIndex: isCurrent ? 0 : -1 })}
        >
          {!inGroup && (
            <>
              <MachineName {...requester} /> <Name kind="tool" text={row.tool_name} />
              {" "}
            </>
          )}
          <span class="approval-row-subject">
            {subject.length === 0 && inGroup
              ? row.reference
              : <UntrustedText text={subject.join(" · ")} />}
          </span>
        </a>
        {row.values === null
          ? (
            <span class="approval-row-reason">
              <UntrustedText text={row.reason} />
            </span>
          )
          : <Values values={row.values} />}
        <span class="approval-row-marks">
          <DangerMarks marks={inGroup ? marksOf(row, "own") : dangers?.marks ?? []} short />
          {row.guard !== null && (
            <Badge tone="warning" icon="warning">
              Guard: {GUARD_WORDS[row.guard] ?? row.guard}
            </Badge>
          )}
          {row.acts_as !== null && (
            <Badge icon="key">
              As <UntrustedText text={row.acts_as.owner ?? row.acts_as.name} />
            </Badge>
          )}
          {row.levels > 1 && <Badge>Level {row.level} of {row.levels}</Badge>}
          {row.stuck && <Badge tone="warning" icon="warning">Nobody can decide it</Badge>}
          {!isWaiting && <StatusBadge status={row.state as Status} />}
        </span>
      </div>
      <span class="approval-row-when">
        {row.state === "pending"
          ? <Deadline until={row.expires_at} now={now} />
          : <Time at={row.decided_at ?? row.created_at} now={now} show="relative" />}
      </span>
    </li>
  );
}

function Values({ values }: { readonly values: readonly ShortValue[] }) {
  return (
    <span class="approval-row-values mono">
      {values.map(({ name, text, is_number }) => (
        <span key={name} class="approval-row-value">
          <UntrustedText text={name} /> {is_number
            ? (
              <bdi class="mono" dir="ltr">
                <Digits text={text} />
              </bdi>
            )
            : <UntrustedText text={text} mono />}
        </span>
      ))}
    </span>
  );
}
