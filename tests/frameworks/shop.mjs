/** What the programs of the pages import as their own. */
export { refund } from "./agent.mjs";
