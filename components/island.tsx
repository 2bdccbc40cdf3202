import { type ComponentChildren, createContext, type FunctionComponent, h } from "preact";
import { useContext } from "preact/hooks";
import type { JsonValue } from "../lib/base/json.ts";
import { PageOrg } from "./form.tsx";

/** A type whose values survive JSON; a member that would not becomes `never`. */
type Json<T> = T extends JsonValue | undefined ? T
  : T extends (...args: never[]) => unknown ? never
  : T extends object ? { [K in keyof T]: Json<T[K]> }
  : never;

const InsideIsland = createContext(false);

/**
 * A component that also runs in the browser. The server renders it within an element `x-island`
 * that carries its name in `islands/manifest.ts` and its props, from which the browser hydrates it.
 * An island within an island is part of the outer one and hydrated with it.
 *
 * The first rendering in the browser must equal the server's: what differs between them, such as
 * the time, comes in as a prop.
 */
export function island<P extends object>(
  name: string,
  View: FunctionComponent<P> & (P extends Json<P> ? unknown : "The props must be plain JSON"),
): FunctionComponent<P> {
  function Island(props: P) {
    const view = h<P>(View, props);
    if (useContext(InsideIsland)) return view;
    const attributes = { "data-name": name, "data-props": JSON.stringify(props) };
    return h("x-island", attributes, insideIsland(view));
  }
  Island.displayName = name;
  return Island;
}

/**
 * Content of an island: what the server renders within the element, and the browser hydrates, which
 * knows nothing of the page around it.
 */
export function insideIsland(content: ComponentChildren) {
  return (
    <InsideIsland.Provider value>
      <PageOrg.Provider value={null}>{content}</PageOrg.Provider>
    </InsideIsland.Provider>
  );
}
