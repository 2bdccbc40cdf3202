import { z } from "zod";
import { findingRecord } from "../../lib/store/records/guards.ts";

/** Guards on the wire. */

/** What a guard found, in an answer. */
export const findingAnswer = findingRecord;

/** How often something was replaced, in an answer. */
export const redactionAnswer = z.object({ kind: z.string(), count: z.int() });
