/**
 * In which language a text is written, as far as its first words and its name tell, and its words,
 * quoted texts and comments, for quiet colours. Nothing is run, and nothing is called safe: a
 * reader is only ever told where to look.
 */

/** What a text is written in. */
export type Language = "SQL" | "Shell" | "JSON" | "HTML" | "Markdown" | "URL";

/** A stretch of a text; all of them joined are the text. */
export interface Token {
  readonly kind: "plain" | "word" | "quoted" | "comment";
  readonly text: string;
}

/** What may stand before a statement. */
const SQL_LEAD = String.raw`^(?:\s|--[^\n]*\n|/\*[^*]*\*/|\()*`;

/** The beginning of a statement that no prose begins with. */
const SQL_START = new RegExp(
  SQL_LEAD + "(?:" + [
    String
      .raw`select\s[^]*\sfrom\s+[\w.\x22\x60]+\s*(?:$|[;,)]|(?:where|group|order|limit|join|left|inner|union)\b)`,
    String.raw`insert\s+into\b`,
    String.raw`update\s+\S+\s+set\b`,
    String.raw`delete\s+from\b`,
    String.raw`merge\s+into\b`,
    String.raw`with\s+(?:recursive\s+)?\S+\s+as\s*\(`,
    String.raw`(?:create|drop|alter)\s+(?:unique\s+)?(?:table|view|index|database|schema|role)\b`,
    String.raw`truncate\s+table\b`,
  ].join("|") + ")",
  "i",
);

const SQL_NAME = /sql|query|statement/i;

/** The same for a text whose name says that it is one. */
const SQL_ANYHOW = new RegExp(
  SQL_LEAD +
    String
      .raw`(?:select|insert|update|delete|merge|with|create|drop|alter|truncate|grant|revoke|begin|call|do|explain|set|replace)\b`,
  "i",
);

const MARKDOWN_LINE = /^(?:#{1,6} \S|```|[-*] \S|\d+\. \S|> \S|\|.*\|)/;

/** In which language a text is written; null where neither it nor its name says so. */
export function languageOf(name: string, text: string): Language | null {
  if (/^[a-z][a-z0-9+.-]*:\/\/\S+$/i.test(text)) return "URL";
  if (/^\s*[[{]/.test(text) && isJson(text)) return "JSON";
  if ((SQL_NAME.test(name) ? SQL_ANYHOW : SQL_START).test(text)) return "SQL";
  if (text.startsWith("#!") || /^(?:command|cmd|script|shell|bash|sh)$/i.test(name)) return "Shell";
  if (/^\s*<(?:!doctype|!--|[a-z][\w-]*[\s/>])/i.test(text) && /<\/[a-z]|\/>/i.test(text)) {
    return "HTML";
  }
  if (/^(?:md|markdown)$/i.test(name)) return "Markdown";
  const marked = text.split("\n").filter((line) => MARKDOWN_LINE.test(line));
  return marked.length >= 2 ? "Markdown" : null;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const SQL_WORDS =
  "add|all|alter|and|as|asc|begin|between|by|cascade|case|commit|constraint|create|cross|database|" +
  "default|delete|desc|distinct|drop|else|end|execute|exists|foreign|from|full|function|grant|" +
  "group|having|if|in|index|inner|insert|interval|into|is|join|key|left|like|limit|materialized|" +
  "merge|not|null|offset|on|or|order|outer|primary|procedure|recursive|references|replace|" +
  "returning|revoke|right|role|rollback|schema|select|set|table|then|to|trigger|truncate|union|" +
  "unique|update|user|using|values|view|when|where|with";

/** By language, what is a comment, a quoted text and a word; each takes time linear in the text. */
const RULES: Readonly<Record<Exclude<Language, "URL">, RegExp>> = {
  SQL: new RegExp(
    `(?<comment>--[^\\n]*|/\\*[^]*?(?:\\*/|$))|(?<quoted>'(?:[^']|'')*(?:'|$))|` +
      `(?<word>\\b(?:${SQL_WORDS})\\b)|"[^"]*(?:"|$)|\\w+|[^]`,
    "gi",
  ),
  Shell:
    /(?<comment>(?<![^\s;])#[^\n]*)|(?<quoted>'[^']*(?:'|$)|"(?:\\[^]|[^"\\])*\\?(?:"|$))|(?<word>\b(?:if|then|elif|else|fi|for|in|while|until|do|done|case|esac|function|export|set|sudo|exec|eval)\b(?![\w./-])|&&|\|\|?|;|>>?|<<?)|[\w./-]+|[^]/g,
  JSON:
    /(?<word>"(?:\\[^]|[^"\\])*"(?=\s{0,8}:)|\b(?:true|false|null)\b)|(?<quoted>"(?:\\[^]|[^"\\])*\\?(?:"|$))|[\w.+-]+|[^]/g,
  HTML:
    /(?<comment><!--[^]*?(?:-->|$))|(?<word><[!/]?[a-z][\w:-]*|\/?>)|(?<quoted>(?<==)(?:"[^"]*(?:"|$)|'[^']*(?:'|$)))|[\w-]+|[^]/gi,
  Markdown:
    /(?<word>^#{1,6} [^\n]*)|(?<comment>^(?:```[^\n]*|[-*>|]|\d+\.)(?=\s|$))|(?<quoted>`[^`\n]{1,500}`|\]\([^)\n]{0,500}\))|\w+|[^]/gm,
};

/** A text as its language reads it; as one plain stretch where it has none. */
export function tokensOf(language: Language | null, text: string): Token[] {
  if (language === null) return [{ kind: "plain", text }];
  if (language === "URL") return urlTokens(text);
  const tokens: { kind: Token["kind"]; text: string }[] = [];
  for (const { 0: part, groups } of text.matchAll(RULES[language])) {
    const kind = groups?.comment !== undefined
      ? "comment"
      : groups?.quoted !== undefined
      ? "quoted"
      : groups?.word !== undefined
      ? "word"
      : "plain";
    const last = tokens.at(-1);
    if (kind === "plain" && last?.kind === "plain") last.text += part;
    else tokens.push({ kind, text: part });
  }
  return tokens;
}

/** The host stands out: what is before an at sign may be made to look like one. */
function urlTokens(text: string): Token[] {
  const [, scheme = "", user = "", host = "", rest = text] =
    /^([^:]*:\/\/)((?:[^/?#\\]*@)?)([^/?#\\]*)([^]*)$/.exec(text) ?? [];
  const parts: Token[] = [
    { kind: "comment", text: scheme },
    { kind: "quoted", text: user },
    { kind: "word", text: host },
    { kind: "plain", text: rest },
  ];
  return parts.filter((part) => part.text !== "");
}

/** Words that a reader is led to, wherever they stand: in a comment they may be no comment to some. */
const LOUD: Readonly<Partial<Record<Language, RegExp>>> = {
  SQL:
    /\b(?:alter|create|delete|drop|execute|grant|insert|merge|replace|revoke|truncate|update)\b/gi,
  Shell:
    /(?<![\w./-])(?:chmod|chown|curl|dd|eval|kill|mkfs|mv|rm|shred|sudo|truncate|wget)(?![\w./=-])/g,
};

/** A word that changes something, and the line in which it first stands, from 1. */
export interface LoudWord {
  readonly word: string;
  readonly line: number;
}

/** The words of a text that change something, each once, as they come. */
export function loudWords(language: Language | null, lines: readonly string[]): LoudWord[] {
  const rule = language === null ? undefined : LOUD[language];
  if (rule === undefined) return [];
  const found = new Map<string, LoudWord>();
  for (const [at, line] of lines.entries()) {
    for (const [match] of line.matchAll(rule)) {
      const word = language === "SQL" ? match.toUpperCase() : match;
      if (!found.has(word)) found.set(word, { word, line: at + 1 });
    }
  }
  return [...found.values()];
}
