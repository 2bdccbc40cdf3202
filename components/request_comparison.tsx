import type { JsonValue } from "../lib/json/json_value.ts";
import type { SheetComparison } from "../lib/sheet/sheet.ts";
import { Badge } from "./badge.tsx";
import { Section } from "./section.tsx";
import { Time } from "./time.tsx";
import { UntrustedText } from "./untrusted_text.tsx";

const KINDS = { added: "Added", removed: "Removed", changed: "Changed" } as const;

/** In what a request differs from the last call of its tool that somebody approved. */
export function RequestComparison({ comparison, now }: {
  readonly comparison: SheetComparison | null;
  readonly now: number;
}) {
  const title = "Compared with the last approved call";
  if (comparison === null) {
    return (
      <Section title={title}>
        <p>No call of this tool was approved before: there is nothing to compare it with.</p>
      </Section>
    );
  }
  const { differences, more, arguments_known, same_action } = comparison;
  const by = comparison.same_requester ? "by the same requester" : "by another requester";
  return (
    <Section title={title}>
      <p class="quiet">
        <a href={`/approvals/${comparison.id}`}>{comparison.reference}</a>, {by}
        {comparison.decided_at !== null && (
          <>
            , approved <Time at={comparison.decided_at} now={now} show="relative" />
          </>
        )}
      </p>
      {same_action && <p>It is the very same action.</p>}
      {!same_action && differences.length > 0 && (
        <dl class="differences">
          {differences.map(({ pointer, kind, before, after }) => (
            <div key={pointer} class="difference">
              <dt>
                <UntrustedText text={pointer.slice(1)} mono />
                <Badge tone="accent" icon="repeat">{KINDS[kind]}</Badge>
              </dt>
              <dd>
                {kind !== "added" && <Value word="Before" value={before} />}
                {kind !== "removed" && <Value word="Now" value={after} />}
              </dd>
            </div>
          ))}
        </dl>
      )}
      {more && <p>There may be more differences than these; read the arguments themselves.</p>}
      {!same_action && !arguments_known && (
        <p>The arguments of that call were erased, so they could not be compared.</p>
      )}
    </Section>
  );
}

function Value({ word, value }: { readonly word: string; readonly value: JsonValue }) {
  return (
    <div class="difference-value">
      <span class="difference-word">{word}</span>
      <UntrustedText text={JSON.stringify(value)} mono />
    </div>
  );
}
