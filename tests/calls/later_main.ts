/** The server as `main.ts` runs it, on a clock that is ahead by so many seconds: `later_main.ts SECONDS`. */
const ahead = Number(Deno.args[0]) * 1000;

const { now } = Date;

Date.now = () => now() + ahead;

await import("../../main.ts");
