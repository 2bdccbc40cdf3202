import type { ComponentChildren } from "preact";
import type { JsonValue } from "../lib/base/json.ts";
import { pagePath } from "../lib/base/page_path.ts";
import { cancelledWords, type ShownView } from "../lib/sheet/sentence.ts";
import type { ApprovalSheet, SheetComparison, SheetStep } from "../lib/sheet/sheet.ts";
import type { Awaited } from "../lib/sheet/story.ts";
import { FindingList } from "./findings.tsx";
import { Countdown, Time } from "./time.tsx";
import { MachineName, UntrustedText, Words } from "./untrusted.tsx";

/**
 * What stands beside a request, and under it where there is no room: why it waits, who asks, the
 * call before it, what has happened.
 */
export function RequestRail({ sheet, shown, now }: {
  readonly sheet: ApprovalSheet;
  /** Null for who may not see it, and once it was erased. */
  readonly shown: ShownView | null;
  readonly now: number;
}) {
  return (
    <aside class="request-rail" aria-label="About this request">
      <Part title={sheet.state === "pending" ? "Why it waits" : "Why it waited"}>
        <WhyItWaits sheet={sheet} shown={shown} now={now} />
      </Part>
      <Part title="Who asks">
        <WhoAsks sheet={sheet} isShown={shown !== null} />
      </Part>
      {shown !== null && sheet.state === "pending" && (
        <Part title="Last approved call">
          <LastApproved comparison={sheet.comparison} now={now} />
        </Part>
      )}
      <Part title="What happened">
        <RequestSteps steps={sheet.steps} awaits={sheet.awaits} now={now} />
        {sheet.call !== null && (
          <p class="small">
            <a href={pagePath("/calls/:id", { id: sheet.call })}>The call that asked for it</a>
          </p>
        )}
      </Part>
    </aside>
  );
}

function Part({ title, children }: {
  readonly title: string;
  readonly children: ComponentChildren;
}) {
  return (
    <section>
      <h2>{title}</h2>
      {children}
    </section>
  );
}

function Fact({ term, children }: {
  readonly term: string;
  readonly children: ComponentChildren;
}) {
  return (
    <div>
      <dt>{term}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** What each level that can hold a request means, in words. */
const HELD_BY: Readonly<Record<string, string>> = {
  gate_draft: "The tool is a draft: nobody has approved it yet",
  gate_unknown_tenant: "The tenant isn't registered",
  gate_incomplete: "A fact that the tool requires is missing, or only said",
  mandate_user: "The user wants to be asked each time",
  mandate_members: "The user's mandate has a person asked each time",
  mandate_condition: "A condition of the user's mandate asks for approval",
  mandate_budget: "It costs more than the user's mandate lets through unasked",
  guard_path_traversal: "A guard found a path that may lead out of where it has to stay",
  guard_injection: "A guard found text that is worded as an order to a model",
  guard_secrets: "A guard found what looks like a secret",
  guard_topics: "A guard found a word that is on its list",
  guard_command: "A guard found characters that a shell takes for its own",
  guard_sql: "A guard found characters that mean something in SQL",
  tool_default: "The tool's default permission asks for approval",
  category_default: "The default of the tool's category asks for approval",
  fail_safe: "No rule decides, so a person does",
};

/** Why a request is held: the level that decided, the rule, how many decide, what the tool is for. */
function WhyItWaits({ sheet, shown, now }: {
  readonly sheet: ApprovalSheet;
  readonly shown: ShownView | null;
  readonly now: number;
}) {
  const { resolved_from, levels, levels_skipped, reference } = sheet;
  const rule = shown?.rule ?? null;
  const mandate = shown?.mandate ?? null;
  const held = HELD_BY[resolved_from] ??
    (resolved_from.startsWith("tenant_")
      ? "A rule of this tenant asks for approval"
      : "A rule of the organization asks for approval");
  return (
    <dl class="facts">
      <Fact term={rule === null ? "Because" : "Rule"}>
        {rule === null ? held : <a href={pagePath("/rules/:id", { id: rule.id })}>{held}</a>}{" "}
        <code class="quiet">{resolved_from}</code>
        {rule?.note && (
          <p>
            <UntrustedText text={rule.note} />
          </p>
        )}
      </Fact>
      {shown !== null && shown.findings.length > 0 && (
        <Fact term="Guards found">
          <FindingList findings={shown.findings} />
          <p class="quiet">Hints by form and wording, not a verdict</p>
        </Fact>
      )}
      {mandate !== null && (
        <Fact term="Mandate">
          <a href={pagePath("/mandates/:id", { id: mandate.id })}>
            Of user <UntrustedText text={mandate.user_id} mono />
          </a>
        </Fact>
      )}
      {shown !== null && (
        <Fact term="Tool">
          <UntrustedText text={shown.tool.description || "No description"} />
          {shown.tool.upstream !== null && shown.tool.description !== "" && (
            <p class="quiet">In the words of its server</p>
          )}
          <p class="quiet">{toolWords(shown.tool.annotations)}</p>
        </Fact>
      )}
      {shown !== null && shown.stated.length > 0 && (
        <Fact term="Only said">
          The {shown.stated.join(" and the ")}: {shown.stated.length === 1 ? "it is" : "both are"}
          {" "}
          what the asker says
          <p class="quiet">What would run is in the arguments alone</p>
        </Fact>
      )}
      {shown?.tool.upstream != null && <RunsAt upstream={shown.tool.upstream} now={now} />}
      {shown?.acts_as != null && <ActsAs acts_as={shown.acts_as} />}
      {levels > 1 && <Fact term="Levels">Two: Level 1, then somebody else at Level 2</Fact>}
      {levels_skipped && (
        <Fact term="Second approval">
          Skipped: the group Level 2 had no member when this was asked
        </Fact>
      )}
      <Fact term="Reference">
        <span class="mono">{reference}</span>
      </Fact>
    </dl>
  );
}

/** Which server runs the tool, and how long it has said of it what it says. */
function RunsAt({ upstream: { name, host, is_program, since }, now }: {
  readonly upstream: NonNullable<ShownView["tool"]["upstream"]>;
  readonly now: number;
}) {
  return (
    <Fact term="Runs at">
      {host !== null && <UntrustedText text={host} mono />}
      {is_program && "A program of this host"}
      <p class="quiet">
        Upstream{" "}
        <a href={pagePath("/upstreams/:name", { name })}>
          <UntrustedText text={name} mono />
        </a>
        {since !== null && (
          <>
            , defined so since <Time at={since} now={now} show="absolute" />
          </>
        )}
      </p>
    </Fact>
  );
}

/** Whose account acts there, as it stood when this was asked: another one cancels the request. */
function ActsAs({ acts_as: { credential_id, name, owner, account, issuer } }: {
  readonly acts_as: NonNullable<ShownView["acts_as"]>;
}) {
  const link = (
    <a href={pagePath("/credentials/:id", { id: credential_id })}>
      <UntrustedText text={name} />
    </a>
  );
  return (
    <Fact term="Acts as">
      {account === null ? link : (
        <>
          <UntrustedText text={account} />
          {issuer !== null && (
            <>
              {" at "}
              <UntrustedText text={URL.parse(issuer)?.host ?? issuer} mono />
            </>
          )}
        </>
      )}
      <p class="quiet">
        {owner === null ? "An account of the organization" : (
          <>
            The own account of <UntrustedText text={owner} />
          </>
        )}
        {account !== null && <>, by {link}</>}
      </p>
    </Fact>
  );
}

/** What the danger of the request does not say of its tool. */
function toolWords({ read_only, idempotent }: ShownView["tool"]["annotations"]): string {
  return `${read_only ? "Only reads" : "Writes"}, ${
    idempotent ? "safe to repeat" : "not safe to repeat"
  }`;
}

function WhoAsks({ sheet, isShown }: {
  readonly sheet: ApprovalSheet;
  /** Whether this member may know what was asked before. */
  readonly isShown: boolean;
}) {
  const { requester, members_behind, asked, denied, paused } = sheet;
  return (
    <dl class="facts">
      <Fact term={REQUESTERS[requester.type]}>
        <MachineName {...requester} />
        {paused && <p>Paused: all it asks is refused</p>}
      </Fact>
      {members_behind.length > 0 && (
        <Fact term="Answers for it">
          {members_behind.map((who) => (
            <p key={who}>
              <UntrustedText text={who} />
            </p>
          ))}
        </Fact>
      )}
      {isShown && (
        <Fact term="This very action">
          {asked <= 1 && denied === 0 ? "First request, " : `Asked ${times(asked)}, `}
          {denied === 0 ? "never denied" : `denied ${times(denied)}`}
        </Fact>
      )}
    </dl>
  );
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}

const REQUESTERS: Readonly<Record<ApprovalSheet["requester"]["type"], string>> = {
  agent: "Agent",
  api_key: "API key",
  oauth_grant: "Program",
};

const ARGUMENT = "/arguments/";

/** In what a request differs from the last call of its tool that somebody approved. */
function LastApproved({ comparison, now }: {
  readonly comparison: SheetComparison | null;
  readonly now: number;
}) {
  if (comparison === null) {
    return <p class="small">None: no call of this tool was approved before.</p>;
  }
  const { differences, more, arguments_known, same_action, decided_at } = comparison;
  const facts = differences.filter(({ pointer }) => !pointer.startsWith(ARGUMENT));
  const places = differences.filter(({ pointer }) => pointer.startsWith(ARGUMENT));
  return (
    <div class="small last-approved">
      <p>
        <a href={pagePath("/approvals/:id", { id: comparison.id })}>
          <span class="mono">{comparison.reference}</span>
        </a>
        {comparison.same_requester ? ", asked by the same" : ", asked by another"}
        {decided_at !== null && (
          <>
            , approved <Time at={decided_at} now={now} show="relative" />
          </>
        )}
      </p>
      {same_action && <p>It is the very same action.</p>}
      {facts.map(({ pointer, before, after }) => (
        <p key={pointer}>
          {FACTS[pointer] ?? pointer.slice(1)}: <Given value={after} />{" "}
          <span class="quiet">
            was <Given value={before} />
          </span>
        </p>
      ))}
      {places.length > 0 && (
        <p>
          {places.length === 1 ? "One value differs: " : `${places.length} values differ: `}
          {places.map(({ pointer }, at) => (
            <>
              {at > 0 && ", "}
              <UntrustedText key={pointer} text={pointer.slice(ARGUMENT.length)} mono />
            </>
          ))}
        </p>
      )}
      {more && <p>There may be more differences than these; read the arguments themselves.</p>}
      {!same_action && !arguments_known && (
        <p>The arguments of that call were erased, so they couldn't be compared.</p>
      )}
    </div>
  );
}

const FACTS: Readonly<Record<string, string>> = {
  "/tenant_id": "Tenant",
  "/resource_id": "Resource",
  "/method": "Method",
};

function Given({ value }: { readonly value: JsonValue }) {
  return typeof value === "string" ? <UntrustedText text={value} mono /> : <>none</>;
}

const STEPS: Readonly<Record<string, string>> = {
  requested: "Asked",
  asked_again: "Asked again",
  approved: "Approved",
  denied: "Denied",
  expired: "Expired",
  lapsed: "Not used in time",
  revoked: "Revoked",
  cancelled: "Cancelled",
  minted: "Run token made",
  token_expired: "Run token expired",
  token_revoked: "Run token void",
  consumed: "Run token used: it runs",
  result: "Result",
};

const AWAITED: Readonly<Record<Awaited["what"], string>> = {
  decision: "Waits for a decision:",
  mint: "Waits for the agent to run it:",
  consume: "Waits for the tool to take its run token:",
  allowing: "Its run token is refused as things stand, and ends:",
  report: "Waits for the result:",
};

/** What happened to a request so far, and what it waits for. */
function RequestSteps({ steps, awaits, now }: {
  readonly steps: readonly SheetStep[];
  readonly awaits: Awaited | null;
  readonly now: number;
}) {
  return (
    <ol class="timeline" aria-label="What happened so far">
      {steps.map(({ what, at, who, note }, index) => (
        <li key={`${what} ${at} ${index}`} class={`timeline-${what}`}>
          {STEPS[what] ?? what}
          {note !== null && <span>: {what === "cancelled" ? cancelledWords(note) : note}</span>}
          {who !== null && (
            <>
              {" by "}
              <Words text={who} />
            </>
          )}
          , <Time at={at} now={now} show="absolute" />
        </li>
      ))}
      {awaits !== null && (
        <li class="timeline-awaits">
          <Countdown
            until={awaits.until}
            now={now}
            label={AWAITED[awaits.what]}
            over="Time is up"
          />
        </li>
      )}
    </ol>
  );
}
