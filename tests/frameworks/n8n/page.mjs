import process from "node:process";

/** Runs what the page prints, in the place of the test's own. */
process.env.FLOW = "program.json";
await import("./driver.mjs");
