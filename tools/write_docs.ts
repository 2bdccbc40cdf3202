import { errorsMarkdown } from "../routes/errors_markdown.ts";

/** Writes the documents that are made from code: `deno task docs`. */
await Deno.writeTextFile(new URL("../docs/errors.md", import.meta.url), errorsMarkdown());
