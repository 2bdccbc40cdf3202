import { useEffect, useState } from "preact/hooks";
import { Icon } from "./icon.tsx";

/**
 * Times and spans in words, with the exact one within reach. A moment is told in the reader's own
 * time, and in UTC where that is not known: by the server, and to who reads without script.
 */

export interface TimeProps {
  /** The moment, in milliseconds since the epoch or as RFC 3339 text. */
  readonly at: number | string;
  /** The moment of reading, in milliseconds since the epoch. */
  readonly now: number;
  /** `relative` keeps the moment in the tooltip. */
  readonly show?: "both" | "absolute" | "relative";
}

/** A moment and how far away it is; in UTC in the tooltip. */
export function Time({ at, now, show = "both" }: TimeProps) {
  const ms = typeof at === "number" ? at : Date.parse(at);
  const isLocal = useOwnTime();
  const absolute = isLocal ? localWords(ms, now) : absoluteWords(ms);
  const relative = relativeWords(ms, now);
  return (
    <time
      class="time"
      dateTime={new Date(ms).toISOString()}
      title={isLocal || show === "relative" ? absoluteWords(ms) : undefined}
    >
      {show === "relative" ? relative : <span class="time-absolute">{absolute}</span>}
      {show === "both" && <span class="time-relative">{` ${relative}`}</span>}
    </time>
  );
}

/** True once the reader's own time is known: the first rendering must equal the server's. */
export function useOwnTime(): boolean {
  const [isKnown, setIsKnown] = useState(false);
  useEffect(() => setIsKnown(true), []);
  return isKnown;
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

/** The same in the time of whoever reads, without a year that is this one: `22 Nov, 16:05`. */
export function localWords(ms: number, now: number): string {
  const date = new Date(ms);
  const year = date.getFullYear();
  const day = `${date.getDate()} ${MONTHS[date.getMonth()]}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return `${day}${year === new Date(now).getFullYear() ? "" : ` ${year}`}, ${time}`;
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

/** How long something still waits, in the few words of a row; its last minutes stand out. */
export function Deadline({ until, now }: { readonly until: number; readonly now: number }) {
  const left = until - now;
  return (
    <time
      class={left < URGENT_MS ? "deadline deadline-urgent" : "deadline"}
      dateTime={new Date(until).toISOString()}
      title={`Expires ${absoluteWords(until)}`}
    >
      <span class="visually-hidden">Expires in</span>
      {left <= 0 ? "Expired" : left < MINUTE ? spanWords(left) : minutesWords(left)}
    </time>
  );
}

/** A span without its seconds: `4 min`, `1 h 10 min`, `2 d 4 h`. */
function minutesWords(span: number): string {
  return span < HOUR ? spanWords(span) : remainingWords(span);
}

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
