import type { Scope } from "../../lib/store/records/oauth.ts";

/** What a scope lets a program do, for the person whom it asks. */
export const SCOPE_WORDS: Readonly<
  Record<Scope, {
    readonly label: string;
    readonly hint: string;
    /** In the cell of a table. */
    readonly short: string;
  }>
> = {
  "mcp:read": {
    label: "See tools and ask what is permitted",
    hint: "It sees the tools of the organization and the requests that it made itself. It may " +
      "register drafts of unknown tools, which do nothing until an admin approves them (mcp:read).",
    short: "See and ask",
  },
  "mcp:write": {
    label: "Ask for approvals and run what is permitted",
    hint: "It can ask people for approval, take requests back, get run tokens for what the rules " +
      "or a person allow, and report what it ran. It can never approve anything (mcp:write).",
    short: "Request and run",
  },
  "mcp:run": {
    label: "Run tools of connected servers",
    hint: "It runs them in your name and reads what they answer: what the rules allow at once, " +
      "without asking you each time. What the rules hold for a person waits for one; it can never " +
      "approve anything (mcp:run).",
    short: "Run tools",
  },
};
