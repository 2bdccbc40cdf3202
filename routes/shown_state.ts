import { hash } from "node:crypto";
import { z } from "zod";
import { canonicalJson } from "../lib/base/canonical.ts";
import type { JsonObject } from "../lib/json/json_value.ts";
import type { Objection } from "./as_shown.ts";
import { text } from "./dashboard/form.ts";

/** The hidden field in which a form says what it was made from, where no time of change tells. */
export const shownField = text(z.string().regex(/^[0-9a-f]{64}$/, "is not what the page sent"));

/** What a form was made from, in one line. */
export function shownState(state: JsonObject): string {
  return hash("sha256", canonicalJson(state));
}

/** What stands against a change of something that is not as the form showed it any more. */
export function changedFrom(state: JsonObject, shown: string): Objection | null {
  if (shownState(state) === shown) return null;
  return {
    path: "",
    message: "Somebody changed it while this form was open. Load the page again, look at what " +
      "it says now, and make your change to that.",
  };
}
