import { labelledPlaces } from "./chart_scale.ts";

/** Pixels above and below what is drawn; the names stand below. */
const CHART_TOP = 10;

const CHART_FOOT = 26;

/** How many names stand below: as many as a phone holds, and as a desk holds. */
const FEW_NAMES = 4;

const MANY_NAMES = 8;

/** Pixels from the top at which a value lies. */
export function chartY(value: number, top: number, height: number): number {
  const room = height - CHART_TOP - CHART_FOOT;
  return Math.round((CHART_TOP + room * (1 - value / top)) * 10) / 10;
}

/** Percents of the width, short enough to write many of them. */
export function percent(share: number): string {
  return `${Math.round(share * 100) / 100}%`;
}

export interface ChartScaleProps {
  readonly height: number;
  readonly top: number;
  readonly ticks: readonly number[];
}

/** The numbers of the scale, in a drawing of their own, so that they take the room they need. */
export function ChartScale({ height, top, ticks }: ChartScaleProps) {
  return (
    <svg class="chart-scale" height={height} aria-hidden="true" focusable="false">
      {ticks.map((tick) => (
        <text key={tick} x="100%" y={chartY(tick, top, height) + 4} text-anchor="end">
          {tick}
        </text>
      ))}
    </svg>
  );
}

export interface ChartGridProps extends ChartScaleProps {
  readonly labels: readonly string[];
  /** Where the middle of each place is, in percent of the width. */
  readonly middle: (index: number) => number;
}

/** The lines of the scale and the names below; where it is narrow fewer names. */
export function ChartGrid({ height, top, ticks, labels, middle }: ChartGridProps) {
  const many = labelledPlaces(labels.length, MANY_NAMES);
  const few = labelledPlaces(labels.length, FEW_NAMES);
  return (
    <g aria-hidden="true">
      {ticks.map((tick) => {
        const y = chartY(tick, top, height);
        return (
          <line
            key={tick}
            class={tick === 0 ? "chart-base" : "chart-grid"}
            x2="100%"
            y1={y}
            y2={y}
          />
        );
      })}
      {labels.map((label, index) => {
        if (!many.has(index) && !few.has(index)) return null;
        const where = {
          x: percent(middle(index)),
          y: height - 6,
          "text-anchor": "middle",
        } as const;
        return (
          <g key={label}>
            {many.has(index) && <text class="chart-name-many" {...where}>{label}</text>}
            {few.has(index) && <text class="chart-name-few" {...where}>{label}</text>}
          </g>
        );
      })}
    </g>
  );
}
