import { promptMarkdown, sampleSkill } from "../lib/onboarding/skill.ts";
import { errorsMarkdown } from "../routes/docs/documentation.ts";
import { toolsMarkdown } from "../routes/mcp/tools.ts";

/** Writes the documents that are made from code: `deno task docs`. */
await Deno.writeTextFile(new URL("../docs/errors.md", import.meta.url), errorsMarkdown());
await Deno.writeTextFile(new URL("../examples/skill/SKILL.md", import.meta.url), sampleSkill());
await Deno.writeTextFile(new URL("../examples/skill/PROMPT.md", import.meta.url), promptMarkdown());

const mcp = new URL("../docs/mcp.md", import.meta.url);
const written = await Deno.readTextFile(mcp);
const table = `<!-- tools -->\n\n${toolsMarkdown()}\n<!-- /tools -->`;
await Deno.writeTextFile(mcp, written.replace(/<!-- tools -->.*<!-- \/tools -->/s, () => table));
