import assert from "node:assert/strict";
import { PROJECT } from "../helpers/project_files.ts";

const CSS = Deno.readTextFileSync(new URL("static/stylesheet.css", PROJECT));

type Theme = 0 | 1;

/** The colours of the tokens, in the light and in the dark theme. */
const COLOURS = new Map(
  [...CSS.matchAll(/--([\w-]+):\s*light-dark\((#[0-9a-f]{6}),\s*(#[0-9a-f]{6})\);/g)]
    .map(([, name = "", light = "", dark = ""]) => [name, [light, dark]] as const),
);

function colour(name: string, theme: Theme): string {
  const pair = COLOURS.get(name);
  assert.ok(pair, `The stylesheet has no colour --${name}`);
  return pair[theme] ?? "";
}

/** Relative luminance of a `#rrggbb` colour, WCAG 2.2. */
function luminance(hex: string): number {
  const channel = (at: number) => {
    const share = parseInt(hex.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}

/** Contrast ratio of two colours, WCAG 2.2. */
function contrast(a: string, b: string): number {
  const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

const GROUNDS = ["ground", "surface", "raised", "sunken", "hover"];
const TONES = ["ok", "info", "warning", "danger"];

/** What is written on what. */
const TEXT_PAIRS = [
  ...GROUNDS.flatMap((ground) => ["text", "muted"].map((text) => [text, ground])),
  ...[...TONES, "accent"].flatMap((tone) => GROUNDS.map((ground) => [tone, ground])),
  ...TONES.flatMap((tone) => [tone, "text"].map((text) => [text, `${tone}-soft`])),
  ["muted", "neutral-soft"],
  ["text", "neutral-soft"],
  ["text", "accent-soft"],
  ...["accent-fill", "accent-fill-hover", "danger-fill", "danger-fill-hover"]
    .map((fill) => ["on-fill", fill]),
];

/** What must be seen though it is no text: frames of fields, points and bars of charts. */
const SHAPE_PAIRS = [
  ...["ground", "surface", "raised"].map((ground) => ["line-control", ground]),
  ...["ok-mark", "warning-mark", "danger-mark", "accent-fill", "line-control"].map((
    mark,
  ) => [mark, "surface"]),
];

for (const [theme, name] of [[0, "light"], [1, "dark"]] as const) {
  Deno.test(`text has a contrast of 4.5 and shapes of 3 in the ${name} theme`, () => {
    const tooLow = [
      ...TEXT_PAIRS.map((pair) => [...pair, 4.5] as const),
      ...SHAPE_PAIRS.map((pair) => [...pair, 3] as const),
    ].flatMap(([front, back, least]) => {
      const ratio = contrast(colour(String(front), theme), colour(String(back), theme));
      return ratio < Number(least) ? [`${front} on ${back}: ${ratio.toFixed(2)}`] : [];
    });
    assert.deepEqual(tooLow, []);
  });
}

Deno.test("the stylesheet loads nothing and names no colour that it lacks", () => {
  assert.ok(!/url\(|@import|@font-face/.test(CSS));
  const defined = new Set([...CSS.matchAll(/(--[\w-]+):/g)].map(([, name]) => name));
  const used = [...CSS.matchAll(/var\((--[\w-]+)/g)].map(([, name]) => name);
  assert.deepEqual(used.filter((name) => !defined.has(name)), []);
});

Deno.test("the manifest names icons that are there", () => {
  const folder = new URL("static/", PROJECT);
  const manifest = JSON.parse(Deno.readTextFileSync(new URL("manifest.webmanifest", folder)));
  assert.equal(manifest.start_url, "/approvals");
  for (const { src } of manifest.icons) {
    const name = String(src).replace("/assets/", "");
    assert.ok(Deno.statSync(new URL(name, folder)).isFile, src);
  }
});
