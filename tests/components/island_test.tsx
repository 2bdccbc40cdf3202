import assert from "node:assert/strict";
import { renderToString } from "preact-render-to-string";
import { island } from "../../components/island.tsx";
import { ISLANDS } from "../../islands/manifest.ts";

interface GreetingProps {
  readonly name: string;
  readonly times?: number;
}

const Greeting = island("greeting", ({ name }: GreetingProps) => <p>Hello {name}</p>);
const Pair = island(
  "pair",
  ({ names }: { readonly names: readonly string[] }) => (
    <div>{names.map((name) => <Greeting key={name} name={name} />)}</div>
  ),
);

Deno.test("island() renders its HTML within an element that carries name and props", () => {
  assert.equal(
    renderToString(<Greeting name="Ann" times={2} />),
    '<x-island data-name="greeting" data-props="{&quot;name&quot;:&quot;Ann&quot;,&quot;times&quot;:2}">' +
      "<p>Hello Ann</p></x-island>",
  );
});

Deno.test("island() makes one element of an island with islands in it", () => {
  const html = renderToString(<Pair names={["Ann", "Bo"]} />);
  assert.equal(html.match(/<x-island/g)?.length, 1);
  assert.match(html, /<div><p>Hello Ann<\/p><p>Hello Bo<\/p><\/div><\/x-island>$/);
});

Deno.test("island() makes an element of each where islands stand side by side", () => {
  const html = renderToString(
    <main>
      <Greeting name="Ann" />
      <Pair names={["Bo"]} />
    </main>,
  );
  assert.equal(html.match(/<x-island/g)?.length, 2);
});

Deno.test("attack: no prop ends its attribute, or begins an element", () => {
  const name = `"><script>alert(1)</script><x-island data-name='pair'>&quot;`;
  const html = renderToString(<Greeting name={name} />);
  const [, props = ""] = /data-props="([^"]*)"/.exec(html) ?? [];
  const text = props.replaceAll("&quot;", '"').replaceAll("&lt;", "<").replaceAll("&amp;", "&");
  assert.deepEqual(JSON.parse(text), { name });
  assert.doesNotMatch(html, /<script/);
  assert.equal(html.match(/<x-island/g)?.length, 1);
});

Deno.test("island() takes props that JSON carries, and no others", () => {
  island("dates", ({ at }: { readonly at: string | null }) => <i>{at}</i>);
  // @ts-expect-error a Date comes back as a string
  island("dates", ({ at }: { readonly at: Date }) => <i>{String(at)}</i>);
  // @ts-expect-error a function does not come back
  island("calls", ({ call }: { readonly call: () => void }) => <i>{String(call)}</i>);
  // @ts-expect-error a Map comes back empty
  island("maps", ({ map }: { readonly map: Map<string, string> }) => <i>{map.size}</i>);
});

Deno.test("every island of the manifest carries the name that it has there", async () => {
  for (const [name, load] of Object.entries(ISLANDS)) {
    const { default: Island } = await load();
    assert.equal(Island.displayName, name);
  }
});
