import type { Tone } from "./badge.tsx";
import { ChartGrid, ChartScale, chartY, percent } from "./chart_axes.tsx";
import { ChartFrame, type ChartRow } from "./chart_frame.tsx";
import { scaleFor } from "./chart_scale.ts";

/** One part of every bar. Its tone comes with a pattern of its own, so colour is not all. */
export interface BarSeries {
  readonly label: string;
  readonly tone: Tone;
}

export interface BarChartProps {
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
}

/** Numbers over time as stacked bars. */
export function BarChart({ id, title, description, series, rows, height = 220 }: BarChartProps) {
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
      legend={<Legend id={id} series={series} />}
      scale={<ChartScale height={height} top={top} ticks={ticks} />}
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
                <title>{`${row.label}: ${to - from} ${part.label}`}</title>
              </rect>
            );
          })}
        </g>
      ))}
    </ChartFrame>
  );
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
