import { withinQuotes } from "../lib/text/within_quotes.ts";
import { UntrustedText } from "./untrusted_text.tsx";

/**
 * What a program calls itself, in quotation marks that nothing in it can close: it chose the name, and
 * may have chosen a sentence that reads like one of ours.
 */
export function ProgramName({ name }: { readonly name: string }) {
  return (
    <span class="program-name">
      “<UntrustedText text={withinQuotes(name)} />”
    </span>
  );
}
