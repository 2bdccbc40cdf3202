import { fileURLToPath } from "node:url";
import config from "../../deno.dev.json" with { type: "json" };

/** The packages as deno.dev.json pins them and deno.dev.lock holds them to their bytes. */
export const PACKAGES = {
  files: config.imports["@modelcontextprotocol/server-filesystem"],
  memory: config.imports["@modelcontextprotocol/server-memory"],
} as const;

/**
 * Two MCP servers of others as `config/upstreams.json` names them, each of which may touch one folder,
 * and the variable that they get besides what it takes to find their packages.
 */
export function programs(folders: { readonly files: string; readonly memory: string }) {
  return {
    programs: {
      files: program(folders.files, PACKAGES.files, folders.files),
      memory: program(folders.memory, PACKAGES.memory),
    },
    variables: { [MEMORY_FILE]: `${folders.memory}/memory.json` },
  };
}

const MEMORY_FILE = "MEMORY_FILE_PATH";

const FOR_PACKAGES = ["HOME", "XDG_CACHE_HOME", "NPM_CONFIG_REGISTRY", "HTTPS_PROXY", "NO_PROXY"];

function program(folder: string, specifier: string, ...args: readonly string[]) {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  return {
    command: Deno.execPath(),
    args: [
      ...["run", "--config", `${root}deno.dev.json`, "--no-prompt", "--quiet", "--allow-env"],
      ...[`--allow-read=${folder}`, `--allow-write=${folder}`, specifier, ...args],
    ],
    env: [...FOR_PACKAGES, MEMORY_FILE],
    cwd: folder,
  };
}
