/** What a text field proposes while one types; the field names it as its `list`. */
export function Suggestions({ id, values }: {
  readonly id: string;
  readonly values: readonly string[];
}) {
  return (
    <datalist id={id}>
      {values.map((value) => <option key={value} value={value} />)}
    </datalist>
  );
}
