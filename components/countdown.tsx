import { Icon } from "./icon.tsx";
import { remainingWords } from "./time_words.ts";

/** Less than this is left: hurry. In milliseconds. */
const URGENT_MS = 5 * 60_000;

export interface CountdownProps {
  /** The deadline, in milliseconds since the epoch. */
  readonly until: number;
  /** The moment of reading, in milliseconds since the epoch. */
  readonly now: number;
  /** What happens at the deadline, such as `Expires in`. */
  readonly label?: string;
  /** What it says afterwards. */
  readonly over?: string;
}

/** How long something still waits. An island renders it again each second with a new `now`. */
export function Countdown(
  { until, now, label = "Expires in", over = "Expired" }: CountdownProps,
) {
  const left = until - now;
  const look = left <= 0 ? "over" : left < URGENT_MS ? "urgent" : "calm";
  return (
    <span class={`countdown countdown-${look}`} role="timer" data-until={until}>
      <Icon name={left <= 0 ? "clock" : "hourglass"} size="small" />
      {left <= 0 ? <span>{over}</span> : (
        <span>
          {label}{" "}
          <time class="countdown-left" dateTime={new Date(until).toISOString()}>
            {remainingWords(left)}
          </time>
        </span>
      )}
    </span>
  );
}
