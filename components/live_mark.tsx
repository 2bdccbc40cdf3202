/** Whether what is on the page keeps itself up to date. */
export function LiveMark({ state }: { readonly state: "connecting" | "live" }) {
  return (
    <p class={`live live-${state}`}>
      <span class="live-dot" aria-hidden="true"></span>
      {state === "live" ? "Live" : "Connecting…"}
    </p>
  );
}
