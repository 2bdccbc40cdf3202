import type { TargetedMouseEvent, TargetedSubmitEvent } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { BuilderForms } from "../components/builder.tsx";
import { BuilderOutput, BuilderPlan } from "../components/builder_output.tsx";
import { island } from "../components/island.tsx";
import { Section } from "../components/layout.tsx";
import type { JsonObject } from "../lib/base/json.ts";
import { itemName } from "../lib/onboarding/builder_items.ts";
import { itemsOf, planText } from "../lib/onboarding/builder_plan.ts";
import { builderPath, type BuilderState, builderState } from "../lib/onboarding/builder_state.ts";

const PATH = "/api-builder";

export interface ApiBuilderProps {
  readonly start: BuilderState;
  /** Where scripts send to, unless they are told otherwise. */
  readonly origin: string;
  /** The policy as it is, once it is needed. */
  readonly current: JsonObject | null;
}

export default island("api_builder", ApiBuilder);

/**
 * Forms, what was filled in, and the script of it. Every link and form here leads to this page with
 * another query; with script the page becomes what it would be there without being loaded.
 */
function ApiBuilder({ start, origin, current: known }: ApiBuilderProps) {
  const [state, setState] = useState(start);
  const [current, setCurrent] = useState(known);
  const [failed, setFailed] = useState(false);
  const [said, setSaid] = useState("");
  /** How many things were added: with each one the forms begin anew. */
  const [round, setRound] = useState(0);
  const needsPolicy = state.output === "policy" && state.base === "current";
  useEffect(() => {
    if (!needsPolicy || current !== null) return;
    fetch(`${PATH}/policy`).then((got) => got.ok ? got.json() : Promise.reject())
      .then(setCurrent, () => setFailed(true));
  }, [needsPolicy, current]);

  function show(next: BuilderState) {
    setState(next);
    history.replaceState(null, "", builderPath(next));
  }
  function follow(event: TargetedMouseEvent<HTMLElement>) {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (link === null || link.pathname !== PATH || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const { refused, kind } = state;
    show({ ...builderState(new URLSearchParams(link.search)), refused, kind });
  }
  function send(event: TargetedSubmitEvent<HTMLElement>) {
    if (!(event.target instanceof HTMLFormElement)) return;
    event.preventDefault();
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(event.target)) {
      if (typeof value === "string") query.append(name, value);
    }
    // The forms stay as they were drawn while other parts of the page change.
    query.set("plan", planText(state.plan));
    query.set("output", state.output);
    query.set("base", state.base);
    const next = builderState(query);
    show(next);
    const added = next.refused === null ? itemsOf(next.plan.slice(-1))[0] : undefined;
    setSaid(added === undefined ? "" : `Added: ${added.kind} ${itemName(added)}`);
    if (added !== undefined) setRound(round + 1);
  }

  const { plan, output, base, kind, refused } = state;
  // Drawn anew only after one was sent, so that nothing half typed is lost.
  const forms = useMemo(
    () => (
      <BuilderForms
        key={round}
        open={kind ?? (plan.length === 0 ? "tool" : null)}
        refused={refused}
        kept={{ plan: planText(plan), output, base }}
      />
    ),
    [round, refused],
  );
  return (
    <div class="stack" onClick={follow} onSubmit={send}>
      <Section title="What to make" description="Add as many as you like, in any order.">
        {forms}
        <p role="status" class="quiet">{said}</p>
      </Section>
      <BuilderPlan state={state} />
      <BuilderOutput state={state} origin={origin} current={current} failed={failed} />
    </div>
  );
}
