/** The hidden fields of a page's first form that does `name`; null when it has no such form. */
export function hiddenFields(html: string, name: string): Record<string, string> | null {
  const form = html.split("<form").slice(1).map((part) => part.split("</form>")[0] ?? "")
    .find((one) => one.includes(`name="do" value="${name}"`));
  if (form === undefined) return null;
  const fields = form.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g);
  return Object.fromEntries([...fields].map(([, field = "", value = ""]) => [field, value]));
}

/** What a form says it was made from. */
export function shownIn(html: string, name: string): string {
  const shown = hiddenFields(html, name)?.shown;
  if (shown === undefined) throw new Error(`The page has no form that does ${name}.`);
  return shown;
}

/** The rows of a page's tables as one reads them. */
export function rowsOf(html: string): string[] {
  return [...html.matchAll(/<tr role="row">.*?<\/tr>/gs)].map(([row]) => textOf(row));
}

/** A page, or a part of one, as one reads it: without tags, on one line. */
export function textOf(html: string): string {
  return unescaped(html.replaceAll(/<[^>]*>/g, " ")).replaceAll(/\s+/g, " ");
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&#39;": "'",
  "&amp;": "&",
};

/** What an attribute or a text of a page says. */
export function unescaped(text: string): string {
  return text.replaceAll(/&(lt|gt|quot|#39|amp);/g, (one) => ENTITIES[one] ?? one);
}
