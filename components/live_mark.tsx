const WORDS = {
  connecting: "Connecting…",
  live: "Live",
  lost: "Not live, trying again",
} as const;

/** Whether what is on the page keeps itself up to date. */
export function LiveMark({ state }: { readonly state: keyof typeof WORDS }) {
  return (
    <p class={`live live-${state}`}>
      <span class="live-dot" aria-hidden="true"></span>
      {WORDS[state]}
    </p>
  );
}
