import { PermissionBadge } from "../components/badges.tsx";
import { ButtonLink } from "../components/button.tsx";
import { island } from "../components/island.tsx";
import { Notice } from "../components/layout.tsx";
import { LiveMark } from "../components/page_header.tsx";
import { Time } from "../components/time.tsx";
import { UntrustedText, Words } from "../components/untrusted.tsx";
import { pagePath } from "../lib/base/page_path.ts";
import type { Permission } from "../lib/store/records/vocabulary.ts";
import { useClock, useLive } from "./live.ts";

/** The first check of an agent, as it is told of. */
export interface ShownCheck {
  /** Of its entry in the log. */
  readonly index: number;
  /** Milliseconds. */
  readonly at: number;
  /** Who asked, as the beginning of a sentence. */
  readonly who: string;
  readonly tool: string;
  readonly permission: Permission;
}

/** Null while it is waited for. */
export interface Watched {
  readonly check: ShownCheck | null;
}

export interface FirstCheckProps {
  readonly start: Watched;
  /** Who is waited for, by name and the end of the id; null for anybody. */
  readonly who: string | null;
  /** Where the stream is. */
  readonly stream: string;
  readonly now: number;
}

export default island("first_check", FirstCheck);

/** Waits for an agent's first check, then says what came of it. */
function FirstCheck({ start, who, stream, now: from }: FirstCheckProps) {
  const now = useClock(from);
  const { value: { check }, state } = useLive(stream, start);
  return (
    <div class="stack" aria-live="polite">
      {check === null
        ? (
          <>
            <div class="row">
              <LiveMark state={state} />
              <p>
                Waiting for{" "}
                {who === null ? "the first check" : <Words text={who} />}. This page moves on by
                itself.
              </p>
            </div>
            <noscript>
              <p>
                <a href="">Load again</a> to see whether it came.
              </p>
            </noscript>
          </>
        )
        : <Came check={check} now={now} />}
    </div>
  );
}

function Came({ check, now }: { readonly check: ShownCheck; readonly now: number }) {
  const { index, at, who, tool, permission } = check;
  return (
    <Notice
      tone="success"
      live={false}
      title="The first check has come"
      actions={
        <>
          <ButtonLink href={pagePath("/activity/:index", { index })} size="small" icon="activity">
            Its entry in the log
          </ButtonLink>
          {permission === "requires_approval" && (
            <ButtonLink href="/approvals" size="small" icon="approvals">What waits</ButtonLink>
          )}
        </>
      }
    >
      <p>
        <Words text={who} /> asked for <UntrustedText text={tool} mono />{" "}
        <Time at={at} now={now} show="relative" />. The answer:{" "}
        <PermissionBadge permission={permission} />
      </p>
    </Notice>
  );
}
