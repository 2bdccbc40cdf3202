import { absoluteWords, relativeWords } from "./time_words.ts";

export interface TimeProps {
  /** The moment, in milliseconds since the epoch or as RFC 3339 text. */
  readonly at: number | string;
  /** The moment of reading, in milliseconds since the epoch. */
  readonly now: number;
  /** `relative` keeps the moment in the tooltip. */
  readonly show?: "both" | "absolute" | "relative";
}

/** A moment in UTC and how far away it is. */
export function Time({ at, now, show = "both" }: TimeProps) {
  const ms = typeof at === "number" ? at : Date.parse(at);
  const absolute = absoluteWords(ms);
  const relative = relativeWords(ms, now);
  return (
    <time
      class="time"
      dateTime={new Date(ms).toISOString()}
      title={show === "relative" ? absolute : undefined}
    >
      {show === "relative" ? relative : absolute}
      {show === "both" && <span class="time-relative">{` ${relative}`}</span>}
    </time>
  );
}
