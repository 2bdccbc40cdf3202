import { requestSentence, type SentenceFacts } from "../lib/sheet/sentence.ts";
import { confusableMark } from "../lib/text/confusable_mark.ts";
import { Badge } from "./badge.tsx";
import { UntrustedText } from "./untrusted_text.tsx";

/** What a request asks for, in one sentence of our own, with what was named by others marked. */
export function RequestSentence({ facts }: { readonly facts: SentenceFacts }) {
  const parts = requestSentence(facts);
  const marks = parts.flatMap(({ kind, text }) => {
    const mark = kind === "text" ? null : confusableMark(text);
    return mark === null ? [] : [mark];
  });
  return (
    <div class="request-sentence">
      <h1>
        {parts.map(({ kind, text }, index) => {
          if (kind === "text") return text;
          const named = <UntrustedText text={text} />;
          return kind === "tool"
            ? <strong key={index}>{named}</strong>
            : <em key={index}>{named}</em>;
        })}
      </h1>
      {marks.length > 0 && (
        <p class="badges">
          {marks.map((mark) => <Badge key={mark} tone="danger" icon="warning">{mark}</Badge>)}
        </p>
      )}
    </div>
  );
}
