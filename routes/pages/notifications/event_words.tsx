import { Mono } from "../../../components/code.tsx";
import { CheckboxGroup } from "../../../components/choices.tsx";
import type { HeardType } from "../../../lib/store/records/event.ts";

/** Events in words, where somebody chooses which of them are told outside. */

/** What happened, as a list of events has it. */
export const EVENT_WORDS: Readonly<Record<HeardType, string>> = {
  "approval.created": "A request waits",
  "approval.escalated": "Level 1 approved, Level 2 is next",
  "approval.decided": "Approved, or denied",
  "approval.expired": "Nobody decided in time",
  "approval.cancelled": "Withdrawn, or voided by a change",
  "approval.revoked": "An approval was taken back",
  "tool.auto_created": "An agent asked about an unknown tool",
  "tool.drifted": "A tool changed at its upstream",
  "execution.unknown": "A run wasn't reported in time",
  "kill_switch.changed": "Thrown, or released",
  "credential.needs_reconnect": "A credential must be connected again",
  "mandate.revoked": "A mandate was taken back",
  "confirmation.resolved": "A user confirmed, or refused",
  "budget.threshold": "A budget comes to its end",
  "budget.overrun": "More was spent than a budget allows",
  "credits.low": "Credits come to their end",
  "webhook.test": "Somebody pressed Test",
  "webhook.disabled": "Nothing is sent to an endpoint any more",
};

const GROUPS: readonly { readonly label: string; readonly has: (type: HeardType) => boolean }[] = [
  { label: "Requests", has: (type) => type.startsWith("approval.") },
  { label: "Tools and runs", has: (type) => /^(tool|execution|kill_switch)\./.test(type) },
  { label: "All else", has: (type) => !/^(approval|tool|execution|kill_switch)\./.test(type) },
];

/** Which events are told, each with what it is. */
export function EventsField({ offered, chosen, error }: {
  readonly offered: readonly HeardType[];
  readonly chosen: readonly string[];
  readonly error: string | undefined;
}) {
  return (
    <div class="grid-3">
      {GROUPS.map(({ label, has }, index) => {
        const types = offered.filter(has);
        return types.length > 0 && (
          <CheckboxGroup
            key={label}
            name="events"
            {...(index === 0 ? { error } : { id: `field-events-${index}` })}
            label={label}
            values={chosen}
            options={types.map((type) => ({
              value: type,
              label: <Mono>{type}</Mono>,
              hint: EVENT_WORDS[type],
            }))}
          />
        );
      })}
    </div>
  );
}

/** Which events are told, in the few words of a row. */
export function eventsWords(events: readonly string[]): string {
  const approvals = events.filter((type) => type.startsWith("approval."));
  const others = events.length - approvals.length;
  if (events.length === 1) return events[0] ?? "";
  const requests = approvals.length === 6 ? "All of requests" : `${approvals.length} of requests`;
  if (others === 0) return requests;
  return approvals.length === 0 ? `${others} events` : `${requests}, ${others} more`;
}
