import config from "../../deno.json" with { type: "json" };

/**
 * The release that this process is of, as Semantic Versioning 2.0.0 writes it. `deno.json` has the
 * number; whatever says it to others takes it from here.
 */
export const VERSION: string = config.version;
