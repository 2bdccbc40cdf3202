/** A recovery code in groups that are easily read aloud and typed; it counts with or without them. */
export function groupedCode(code: string): string {
  return [0, 5, 10, 15, 20].map((from) => code.slice(from, from === 20 ? undefined : from + 5))
    .join("-");
}

/** The text of a file with recovery codes: whose they are, where they count, and how. */
export function recoveryCodesText({ codes, origin, email }: {
  /** In groups. */
  readonly codes: readonly string[];
  readonly origin: string;
  readonly email: string;
}): string {
  return `Recovery codes of ${email}
for Countersign at ${origin}

${codes.join("\n")}

Each works once, together with a code from your mailbox: ${origin}/recover
`;
}
