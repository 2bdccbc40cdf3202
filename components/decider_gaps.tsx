import type { DeciderGap } from "../lib/sheet/decider_gaps.ts";
import { Notice } from "./notice.tsx";
import { UntrustedText } from "./untrusted_text.tsx";

/** Names that are told; the rest is counted. */
const NAMED = 3;

/** Warns of requests that the team cannot decide as the policy means it. */
export function DeciderGaps({ gaps }: { readonly gaps: readonly DeciderGap[] }) {
  return (
    <>
      {gaps.map((gap) =>
        gap.type === "no_second_level"
          ? (
            <Notice
              key="no_second_level"
              tone="warning"
              live={false}
              title="Nobody gives the second approval"
            >
              <Names names={gap.tools} /> {gap.tools.length === 1 ? "needs" : "need"}{" "}
              two different people, and nobody who could sign is in the group Level 2. {gap.refused
                ? "Requests are refused until somebody is."
                : "Until somebody is, one approval is enough, and the log says so."}
            </Notice>
          )
          : (
            <Notice
              key={`nobody_else ${gap.members.join()}`}
              tone="warning"
              live={false}
              title="Nobody else could decide"
            >
              <Names names={gap.members} /> {gap.members.length === 1 ? "answers" : "answer"} for
              {" "}
              <Names names={gap.requesters} />, so somebody else has to decide what{" "}
              {gap.requesters.length === 1 ? "it asks" : "they ask"}
              {gap.tools !== null && (
                <>
                  {" "}of <Names names={gap.tools} />
                </>
              )}. {gap.tools === null
                ? "There is no such person: make another member an approver."
                : "There are too few such people: make other members approvers."}
            </Notice>
          )
      )}
    </>
  );
}

function Names({ names }: { readonly names: readonly string[] }) {
  const more = names.length - NAMED;
  return (
    <>
      {names.slice(0, NAMED).map((name, index) => (
        <span key={name}>
          {index > 0 && ", "}
          <strong>
            <UntrustedText text={name} />
          </strong>
        </span>
      ))}
      {more > 0 && ` and ${more} more`}
    </>
  );
}
