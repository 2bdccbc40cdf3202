import type { ComponentChildren } from "preact";
import type { Tone } from "./badges.tsx";
import { absoluteWords } from "./time.tsx";

/**
 * Charts as SVG, drawn on the server: bars over a frame, a scale and one way to label
 * them. Every chart has a table of the same numbers for who does not see it.
 */

/** One part of every bar. Its tone comes with a pattern of its own, so colour is not all. */
interface BarSeries {
  readonly label: string;
  readonly tone: Tone;
}

interface BarChartProps {
  /** Unique on the page. */
  readonly id: string;
  readonly title: string;
  readonly description: string;
  /** The parts of a bar, from the bottom up. */
  readonly series: readonly BarSeries[];
  /** One bar each; `values` in the order of `series`. */
  readonly rows: readonly ChartRow[];
  /** In pixels. */
  readonly height?: number;
  /** How a number is written; as it is where this is left out. */
  readonly shown?: (value: number) => string;
}

/** Numbers over time as stacked bars. */
export function BarChart(
  { id, title, description, series, rows, height = 220, shown = String }: BarChartProps,
) {
  const sums = rows.map(({ values }) => values.reduce((sum, value) => sum + value, 0));
  const { top, ticks } = scaleFor(Math.max(0, ...sums));
  const slot = 100 / Math.max(1, rows.length);
  return (
    <ChartFrame
      id={id}
      title={title}
      description={description}
      series={series.map(({ label }) => label)}
      rows={rows}
      height={height}
      shown={shown}
      legend={<Legend id={id} series={series} />}
      scale={<ChartScale height={height} top={top} ticks={ticks} shown={shown} />}
    >
      <Patterns id={id} series={series} />
      <ChartGrid
        height={height}
        top={top}
        ticks={ticks}
        labels={rows.map(({ label }) => label)}
        middle={(index) => slot * (index + 0.5)}
      />
      {rows.map((row, index) => (
        <g key={row.label}>
          {stacked(row.values).map(({ from, to }, place) => {
            const y = chartY(to, top, height);
            const part = series[place];
            if (part === undefined || to === from) return null;
            return (
              <rect
                key={part.label}
                x={percent(slot * (index + 0.16))}
                width={percent(slot * 0.68)}
                y={y}
                height={Math.round((chartY(from, top, height) - y) * 10) / 10}
                fill={`url(#${id}-${part.tone})`}
              >
                <title>{`${row.label}: ${shown(to - from)} ${part.label}`}</title>
              </rect>
            );
          })}
        </g>
      ))}
    </ChartFrame>
  );
}

/** `5 Jan`. */
export function dayWords(at: number): string {
  return absoluteWords(at).split(" ").slice(0, 2).join(" ");
}

/** Each part of a bar, from where the one below it ends. */
function stacked(values: readonly number[]): { from: number; to: number }[] {
  let sum = 0;
  return values.map((value) => ({ from: sum, to: sum += value }));
}

function Patterns({ id, series }: { readonly id: string; readonly series: readonly BarSeries[] }) {
  return (
    <defs>
      {series.map(({ tone }) => (
        <pattern
          key={tone}
          id={`${id}-${tone}`}
          width="6"
          height="6"
          patternUnits="userSpaceOnUse"
          patternTransform="rotate(45)"
        >
          <rect class={`chart-fill-${tone}`} width="6" height="6" />
          {tone === "warning" && <rect class="chart-hatch" width="2" height="6" />}
          {tone === "danger" && <circle class="chart-hatch" cx="3" cy="3" r="1.2" />}
        </pattern>
      ))}
    </defs>
  );
}

function Legend({ id, series }: { readonly id: string; readonly series: readonly BarSeries[] }) {
  return (
    <ul class="chart-legend">
      {series.map(({ label, tone }) => (
        <li key={label}>
          <svg width="12" height="12" aria-hidden="true" focusable="false">
            <rect fill={`url(#${id}-${tone})`} width="12" height="12" rx="3" />
          </svg>
          {label}
        </li>
      ))}
    </ul>
  );
}

/** Pixels above and below what is drawn; the names stand below. */
const CHART_TOP = 10;

const CHART_FOOT = 26;

/** How many names stand below: as many as a phone holds, and as a desk holds. */
const FEW_NAMES = 4;

const MANY_NAMES = 8;

/** Pixels from the top at which a value lies. */
function chartY(value: number, top: number, height: number): number {
  const room = height - CHART_TOP - CHART_FOOT;
  return Math.round((CHART_TOP + room * (1 - value / top)) * 10) / 10;
}

/** Percents of the width, short enough to write many of them. */
export function percent(share: number): string {
  return `${Math.round(share * 100) / 100}%`;
}

interface ChartScaleProps {
  readonly height: number;
  readonly top: number;
  readonly ticks: readonly number[];
}

/** The numbers of the scale, in a drawing of their own, so that they take the room they need. */
function ChartScale(
  { height, top, ticks, shown }: ChartScaleProps & Required<Pick<BarChartProps, "shown">>,
) {
  return (
    <svg class="chart-scale" height={height} aria-hidden="true" focusable="false">
      {ticks.map((tick) => (
        <text key={tick} x="100%" y={chartY(tick, top, height) + 4} text-anchor="end">
          {shown(tick)}
        </text>
      ))}
    </svg>
  );
}

interface ChartGridProps extends ChartScaleProps {
  readonly labels: readonly string[];
  /** Where the middle of each place is, in percent of the width. */
  readonly middle: (index: number) => number;
}

/** The lines of the scale and the names below; where it is narrow fewer names. */
function ChartGrid({ height, top, ticks, labels, middle }: ChartGridProps) {
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
        // The last of many stands at the edge, and would be cut there.
        const isAtEdge = index === labels.length - 1 && labels.length > MANY_NAMES;
        const where = {
          x: isAtEdge ? "100%" : percent(middle(index)),
          y: height - 6,
          "text-anchor": isAtEdge ? "end" : "middle",
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

/** A line of the chart's table: what it is about, and one number a series. */
interface ChartRow {
  readonly label: string;
  readonly values: readonly number[];
}

interface ChartFrameProps {
  /** Unique on the page. */
  readonly id: string;
  readonly title: string;
  /** What the chart shows, in a sentence. */
  readonly description: string;
  readonly series: readonly string[];
  readonly rows: readonly ChartRow[];
  readonly height: number;
  readonly shown: (value: number) => string;
  readonly legend?: ComponentChildren;
  /** The numbers at the left of the drawing. */
  readonly scale: ComponentChildren;
  /** The drawing, in pixels down and percents across. */
  readonly children: ComponentChildren;
}

/** A drawing with its name, its legend, and the same numbers as a table. */
function ChartFrame(props: ChartFrameProps) {
  const { id, title, description, series, rows, height, shown, legend, scale, children } = props;
  return (
    <figure class="chart">
      {legend}
      <div class="chart-body">
        {scale}
        <svg
          class="chart-drawing"
          height={height}
          role="img"
          aria-labelledby={`${id}-title`}
          aria-describedby={`${id}-desc`}
        >
          <title id={`${id}-title`}>{title}</title>
          <desc id={`${id}-desc`}>{description}</desc>
          {children}
        </svg>
      </div>
      <details class="chart-numbers">
        <summary>Numbers as a table</summary>
        <table>
          <caption class="visually-hidden">{title}</caption>
          <thead>
            <tr>
              <th scope="col">When</th>
              {series.map((name) => <th key={name} scope="col">{name}</th>)}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.label}>
                <th scope="row">{row.label}</th>
                {row.values.map((value, index) => <td key={series[index]}>{shown(value)}</td>)}
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}

/**
 * The top of a scale for values up to `max`, and its ticks from 0: at most five, at whole steps of
 * 1, 2 or 5 times a power of ten.
 */
function scaleFor(max: number): { readonly top: number; readonly ticks: readonly number[] } {
  const rough = Math.max(max, 1) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough) ?? rough;
  const whole = Math.max(step, 1);
  const count = Math.max(1, Math.ceil(max / whole));
  return { top: whole * count, ticks: Array.from({ length: count + 1 }, (_, i) => whole * i) };
}

/** Which of `count` labels are written: the last, and before it one every so often. */
function labelledPlaces(count: number, most: number): ReadonlySet<number> {
  const step = Math.max(1, Math.ceil((count - 1) / (most - 1)));
  const places = new Set<number>();
  for (let place = count - 1; place >= 0; place -= step) places.add(place);
  return places;
}
