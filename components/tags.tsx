import { UntrustedText } from "./untrusted_text.tsx";

/** Words that somebody put on a thing, or ids in a row. They wrap where they are long. */
export function Tags({ tags, none = "None" }: {
  readonly tags: readonly string[];
  /** What stands there when there are none. */
  readonly none?: string;
}) {
  if (tags.length === 0) return <span class="quiet">{none}</span>;
  return (
    <ul class="tags">
      {tags.map((tag) => (
        <li key={tag} class="tag">
          <UntrustedText text={tag} />
        </li>
      ))}
    </ul>
  );
}
