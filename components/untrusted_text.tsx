import { visibleSegments } from "../lib/text/visible_text.ts";
import { Untrusted } from "./untrusted.tsx";

/** `Untrusted` for text as it is stored. */
export function UntrustedText({ text, mono = false }: {
  readonly text: string;
  readonly mono?: boolean;
}) {
  return <Untrusted segments={visibleSegments(text)} mono={mono} />;
}
