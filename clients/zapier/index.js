import zapier from "zapier-platform-core";
import manifest from "./package.json" with { type: "json" };
import { askAndWait } from "./src/ask_and_wait.js";
import { authentication } from "./src/authentication.js";
import { check } from "./src/check.js";
import { reportOutcome } from "./src/report_outcome.js";
import { requestEnded } from "./src/request_ended.js";
import { wakeZap } from "./src/wake_zap.js";

/** Countersign for Zapier. */
export default {
  version: manifest.version,
  platformVersion: zapier.version,
  authentication,
  triggers: { [requestEnded.key]: requestEnded },
  creates: {
    [check.key]: check,
    [askAndWait.key]: askAndWait,
    [reportOutcome.key]: reportOutcome,
    [wakeZap.key]: wakeZap,
  },
};
