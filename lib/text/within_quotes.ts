/** Double quotation marks of every script, and what most fonts draw like one. */
const QUOTATION_MARK =
  /["\u00ab\u00bb\u02ba\u02dd\u02ee\u05f4\u201c-\u201f\u2033\u2036\u275d\u275e\u2760\u301d-\u301f\uff02]/g;

/** A name to stand within “ and ”: its own double quotation marks are single ones, so that it cannot end them. */
export function withinQuotes(name: string): string {
  return name.replace(QUOTATION_MARK, "\u2019");
}
