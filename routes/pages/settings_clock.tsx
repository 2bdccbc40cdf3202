import { Button } from "../../components/button.tsx";
import { Definitions } from "../../components/definitions.tsx";
import { FieldErrors } from "../../components/field_errors.tsx";
import { Form } from "../../components/form.tsx";
import { Section } from "../../components/section.tsx";
import { Time } from "../../components/time.tsx";
import type { OpenJump } from "../../lib/server/clock.ts";
import { attempted } from "../dashboard/attempted.ts";
import type { Attempt } from "../dashboard/page.ts";

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
export function ClockSection({ jump, mayAccept, attempt, now }: {
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
      look={jump.why === "jumped" ? "card" : "danger"}
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
