import type { Machine } from "./machine.ts";

const OPENERS: Readonly<Record<string, readonly string[]>> = {
  darwin: ["open"],
  win32: ["rundll32", "url.dll,FileProtocolHandler"],
};

/** Opens a page in the browser; false where there is nobody who would see it, or none. */
export async function opened(machine: Machine, page: URL): Promise<boolean> {
  if (!machine.interactive) return false;
  const [program = "", ...args] = OPENERS[machine.platform] ?? ["xdg-open"];
  try {
    return (await machine.run(program, [...args, page.href], { input: "" })).code === 0;
  } catch {
    return false;
  }
}
