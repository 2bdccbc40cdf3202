import { Icon } from "./icon.tsx";

/** Whether what is on the page keeps itself up to date. */
export function LiveMark({ state, message }: {
  readonly state: "connecting" | "live" | "ended";
  readonly message: string | null;
}) {
  if (state === "ended") {
    return (
      <p class="live live-ended" role="alert">
        <Icon name="warning" size="small" />
        <span>
          {message} <a href="/sign-in">Sign in</a> or <a href="">load the page again</a>.
        </span>
      </p>
    );
  }
  return (
    <p class={`live live-${state}`}>
      <span class="live-dot" aria-hidden="true"></span>
      {state === "live" ? "Live" : "Connecting…"}
    </p>
  );
}
