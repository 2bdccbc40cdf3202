/** One reference token of a JSON pointer, escaped as RFC 6901 section 3 says. */
export function pointerToken(name: string): string {
  return name.includes("~") || name.includes("/")
    ? name.replaceAll("~", "~0").replaceAll("/", "~1")
    : name;
}
