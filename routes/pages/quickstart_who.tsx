import { UntrustedText } from "../../components/untrusted_text.tsx";

/** People that one sentence names at most. */
const MOST_NAMED = 5;

/** People by their addresses, for a sentence: "a", "a or b", "a, b or c"; of many the first few. */
export function AnyOf({ people }: { readonly people: readonly string[] }) {
  const named = people.slice(0, MOST_NAMED);
  const isWhole = named.length === people.length;
  return (
    <>
      {named.map((email, i) => (
        <span key={email}>
          {i === 0 ? "" : i === named.length - 1 && isWhole ? " or " : ", "}
          <UntrustedText text={email} />
        </span>
      ))}
      {!isWhole && " or somebody else who may"}
    </>
  );
}
