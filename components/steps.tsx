import type { ComponentChildren } from "preact";
import { Icon } from "./icon.tsx";

/** One step of a way. */
export interface Step {
  readonly title: string;
  readonly state: "done" | "current" | "later";
  readonly content?: ComponentChildren;
}

const WORDS = { done: "Done", current: "Now", later: "Later" } as const;

/** A way in numbered steps; what is done is ticked off. */
export function Steps({ steps }: { readonly steps: readonly Step[] }) {
  return (
    <ol class="steps">
      {steps.map(({ title, state, content }, index) => (
        <li
          key={title}
          class={`step step-${state}`}
          aria-current={state === "current" ? "step" : undefined}
        >
          <span class="step-mark" aria-hidden="true">
            {state === "done" ? <Icon name="check" size="small" /> : index + 1}
          </span>
          <div class="step-body">
            <h2 class="step-title">
              {title}
              <span class="visually-hidden">{`, ${WORDS[state]}`}</span>
            </h2>
            {content !== undefined && <div class="step-content">{content}</div>}
          </div>
        </li>
      ))}
    </ol>
  );
}
