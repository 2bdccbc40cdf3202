import { describedBy, type FieldBase, fieldId, FieldNotes } from "./fields.tsx";
import { Icon } from "./icon.tsx";

/**
 * Spans of time as people choose them: one of the usual ones, or a number with its unit. All three
 * controls carry the name of the field, so that it is one field of its form (`duration` in
 * `routes/dashboard/form.ts`) and works without script.
 */

/** What a span is counted in on the wire, in seconds. */
const COUNTED_IN = { seconds: 1, hours: 3600 } as const;

export type CountedIn = keyof typeof COUNTED_IN;

/** The units in which a span is typed, in seconds, the largest first. */
export const DURATION_UNITS = { days: 86_400, hours: 3600, minutes: 60, seconds: 1 } as const;

export type DurationUnit = keyof typeof DURATION_UNITS;

const UNITS = Object.entries(DURATION_UNITS) as [DurationUnit, number][];

/** The choice beside which the number and its unit count. */
export const OTHER_DURATION = "other";

const MINUTE = 60;

const HOUR = 60 * MINUTE;

const DAY = 24 * HOUR;

/** The usual spans, in seconds. */
const PRESETS = [
  5 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  HOUR,
  4 * HOUR,
  8 * HOUR,
  DAY,
  3 * DAY,
  7 * DAY,
];

/** Seconds in every unit that they have, such as `1 hour 30 minutes`; a day or less in hours. */
export function durationWords(seconds: number): string {
  if (seconds === 0) return "none";
  let left = seconds;
  return UNITS.flatMap(([unit, size]) => {
    if (unit === "days" && seconds <= DAY) return [];
    const count = Math.floor(left / size);
    left -= count * size;
    return count === 0 ? [] : [`${count} ${count === 1 ? unit.slice(0, -1) : unit}`];
  }).join(" ");
}

/** A span in words, such as `90 minutes` for what is counted in seconds. */
export function countedWords(count: number, countedIn: CountedIn): string {
  return durationWords(count * COUNTED_IN[countedIn]);
}

/** How many of what it is counted in a number of a unit is; may be no whole number. */
export function countedAs(count: number, unit: DurationUnit, countedIn: CountedIn): number {
  return count * DURATION_UNITS[unit] / COUNTED_IN[countedIn];
}

export interface DurationFieldProps extends FieldBase {
  /** The choice, and behind it a number and its unit; a number alone is in what it is counted in. */
  readonly value: readonly string[];
  readonly countedIn?: CountedIn;
  /** The shortest and the longest that may be chosen, in what it is counted in. */
  readonly min: number;
  readonly max: number;
  /** What it is called when none is chosen; without one has to be. */
  readonly none?: string;
}

/** A span of time, under its label. */
export function DurationField(props: DurationFieldProps) {
  const { name, label, hint, error, id = fieldId(name), countedIn = "seconds", none } = props;
  const { choice, count, unit } = shownAs(props);
  const size = COUNTED_IN[countedIn];
  const presets = [...(props.min === 0 ? [0] : []), ...PRESETS]
    .map((seconds) => seconds / size)
    .filter((value) => Number.isInteger(value) && value >= props.min && value <= props.max);
  return (
    <div class="field duration">
      <label class="field-label" for={id}>{label}</label>
      <div class="duration-parts">
        <div class="select duration-choice">
          <select
            class="input"
            id={id}
            name={name}
            {...describedBy({ name, hint, error, id })}
          >
            {none !== undefined && <option value="" selected={choice === ""}>{none}</option>}
            {presets.map((value) => (
              <option key={value} value={value} selected={choice === `${value}`}>
                {value === 0 ? "None" : countedWords(value, countedIn)}
              </option>
            ))}
            <option value={OTHER_DURATION} selected={choice === OTHER_DURATION}>Other…</option>
          </select>
          <Icon name="chevron_down" size="small" />
        </div>
        <div class="duration-other">
          <input
            class="input"
            name={name}
            value={count}
            inputMode="numeric"
            autoComplete="off"
            aria-label="How many"
          />
          <div class="select">
            <select class="input" name={name} aria-label="Unit">
              {UNITS.filter(([, seconds]) => seconds >= size).reverse().map(([one]) => (
                <option key={one} value={one} selected={one === unit}>{one}</option>
              ))}
            </select>
            <Icon name="chevron_down" size="small" />
          </div>
        </div>
      </div>
      <FieldNotes id={id} hint={hint} error={error} />
    </div>
  );
}

/** What each of the controls shows of a value: what is no usual span is a number and its unit. */
function shownAs({ value, countedIn = "seconds", min, max, none }: DurationFieldProps) {
  const [choice = "", count = "", unit = ""] = value;
  const smallest: DurationUnit = countedIn === "hours" ? "hours" : "minutes";
  if (choice === OTHER_DURATION || (choice === "" && none === undefined)) {
    return { choice: OTHER_DURATION, count, unit: unit || smallest };
  }
  const size = COUNTED_IN[countedIn];
  const seconds = Number(choice) * size;
  const isUsual = choice === "" || PRESETS.includes(seconds) || (seconds === 0 && min === 0);
  if (isUsual && Number(choice) <= max) return { choice, count: "", unit: smallest };
  const [whole, each] = UNITS.find(([, one]) => one >= size && seconds % one === 0) ??
    [smallest, 1];
  return Number.isInteger(seconds)
    ? { choice: OTHER_DURATION, count: `${seconds / each}`, unit: whole }
    : { choice: OTHER_DURATION, count: choice, unit: smallest };
}
