import type { ComponentChildren } from "preact";

/** A line of the chart's table: what it is about, and one number a series. */
export interface ChartRow {
  readonly label: string;
  readonly values: readonly number[];
}

export interface ChartFrameProps {
  /** Unique on the page. */
  readonly id: string;
  readonly title: string;
  /** What the chart shows, in a sentence. */
  readonly description: string;
  readonly series: readonly string[];
  readonly rows: readonly ChartRow[];
  readonly height: number;
  /** What a number is, such as `s`; stands behind it in the table. */
  readonly unit?: string | undefined;
  readonly legend?: ComponentChildren;
  /** The numbers at the left of the drawing. */
  readonly scale: ComponentChildren;
  /** The drawing, in pixels down and percents across. */
  readonly children: ComponentChildren;
}

/** A drawing with its name, its legend, and the same numbers as a table. */
export function ChartFrame(props: ChartFrameProps) {
  const { id, title, description, series, rows, height, unit = "", legend, scale, children } =
    props;
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
                {row.values.map((value, index) => (
                  <td key={series[index]}>{`${value}${unit === "" ? "" : ` ${unit}`}`}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}
