import { Icon } from "./icon.tsx";

/** Times and spans in words, with the exact one within reach. */

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
      {show === "relative" ? relative : <span class="time-absolute">{absolute}</span>}
      {show === "both" && <span class="time-relative">{` ${relative}`}</span>}
    </time>
  );
}

const MONTHS = [
  "Jan",
  "Feb",
  "Mar",
  "Apr",
  "May",
  "Jun",
  "Jul",
  "Aug",
  "Sep",
  "Oct",
  "Nov",
  "Dec",
] as const;

const SECOND = 1000;

const MINUTE = 60 * SECOND;

const HOUR = 60 * MINUTE;

const DAY = 24 * HOUR;

const two = (value: number) => String(value).padStart(2, "0");

/** A moment in words, such as `22 Nov 2026, 14:05 UTC`. `ms` since the epoch. */
export function absoluteWords(ms: number): string {
  const date = new Date(ms);
  const day = `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
  return `${day}, ${two(date.getUTCHours())}:${two(date.getUTCMinutes())} UTC`;
}

/**
 * How far `ms` is from `now`, such as `in 12 min` or `3 min ago`, in the largest unit that is
 * whole, rounded towards `now`: what is left is never overstated.
 */
export function relativeWords(ms: number, now: number): string {
  const distance = Math.abs(ms - now);
  if (distance < 5 * SECOND) return "now";
  const words = spanWords(distance);
  return ms > now ? `in ${words}` : `${words} ago`;
}

/** A span of milliseconds in its largest unit, such as `45 s`, `12 min`, `3 h`, `2 days`. */
export function spanWords(span: number): string {
  if (span < MINUTE) return `${Math.floor(span / SECOND)} s`;
  if (span < HOUR) return `${Math.floor(span / MINUTE)} min`;
  if (span < 2 * DAY) return `${Math.floor(span / HOUR)} h`;
  return `${Math.floor(span / DAY)} days`;
}

/** What is left, to the second within the last hour: `12 min 04 s`, `3 h 20 min`, `2 days 4 h`. */
export function remainingWords(span: number): string {
  const left = Math.max(0, span);
  const parts = (value: number, unit: number) => Math.floor(value / unit);
  if (left < MINUTE) return `${parts(left, SECOND)} s`;
  if (left < HOUR) return `${parts(left, MINUTE)} min ${two(parts(left % MINUTE, SECOND))} s`;
  if (left < DAY) return `${parts(left, HOUR)} h ${two(parts(left % HOUR, MINUTE))} min`;
  return `${parts(left, DAY)} d ${parts(left % DAY, HOUR)} h`;
}

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
