import { ChartGrid, ChartScale, chartY, percent } from "./chart_axes.tsx";
import { ChartFrame } from "./chart_frame.tsx";
import { scaleFor } from "./chart_scale.ts";

export interface LineChartProps {
  /** Unique on the page. */
  readonly id: string;
  readonly title: string;
  readonly description: string;
  /** What the line counts. */
  readonly series: string;
  /** What a number is, such as `s`. */
  readonly unit?: string;
  readonly points: readonly { readonly label: string; readonly value: number }[];
  /** In pixels. */
  readonly height?: number;
}

/** One number over time as a line. */
export function LineChart(props: LineChartProps) {
  const { id, title, description, series, unit, points, height = 200 } = props;
  const { top, ticks } = scaleFor(Math.max(0, ...points.map(({ value }) => value)));
  const slot = 100 / Math.max(1, points.length);
  const middle = (index: number) => slot * (index + 0.5);
  const x = (index: number) => percent(middle(index));
  const y = (value: number) => chartY(value, top, height);
  return (
    <ChartFrame
      id={id}
      title={title}
      description={description}
      series={[series]}
      rows={points.map(({ label, value }) => ({ label, values: [value] }))}
      height={height}
      unit={unit}
      scale={<ChartScale height={height} top={top} ticks={ticks} />}
    >
      <ChartGrid
        height={height}
        top={top}
        ticks={ticks}
        labels={points.map(({ label }) => label)}
        middle={middle}
      />
      {points.slice(1).map((point, index) => (
        <line
          key={point.label}
          class="chart-line"
          x1={x(index)}
          x2={x(index + 1)}
          y1={y(points[index]?.value ?? 0)}
          y2={y(point.value)}
        />
      ))}
      {points.map((point, index) => (
        <circle key={point.label} class="chart-point" cx={x(index)} cy={y(point.value)} r="3">
          <title>{`${point.label}: ${point.value}${unit === undefined ? "" : ` ${unit}`}`}</title>
        </circle>
      ))}
    </ChartFrame>
  );
}
