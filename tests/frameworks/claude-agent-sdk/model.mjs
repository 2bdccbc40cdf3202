import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { now } from "./agent.mjs";
import { modelServer } from "./model_server.mjs";

/** A model that calls the tool, and a home of its own for Claude Code. */
export const model = await modelServer([{ name: "mcp__shop__refund_order", input: now }]);

const home = mkdtempSync(join(tmpdir(), "countersign-claude-"));
Object.assign(process.env, {
  HOME: home,
  ANTHROPIC_BASE_URL: model.url,
  ANTHROPIC_API_KEY: "none",
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
});
