import { z } from "zod";
import { MAX_CONTEXT_BYTES } from "../../lib/approvals/ask.ts";
import { MAX_NOTE } from "../../lib/approvals/decide.ts";
import { APPROVAL_STATUSES } from "../../lib/approvals/state.ts";
import { canonicalBytes } from "../../lib/base/canonical.ts";
import { isId } from "../../lib/base/id.ts";
import { isJsonObject, type JsonObject } from "../../lib/json/json_value.ts";
import {
  actionFields,
  depthOf,
  MAX_ARGUMENT_DEPTH,
  reasonField,
  referenceField,
  tenantId,
  toolName,
} from "../fields/action.ts";
import { pageQuery } from "../fields/paging.ts";
import { timeRange } from "./time_range.ts";

/** Inputs of the routes about approvals. */

const contextField = z.custom<JsonObject>(isJsonObject, "must be an object")
  .superRefine((value, context) => {
    if (depthOf(value) > MAX_ARGUMENT_DEPTH) {
      context.addIssue({
        code: "custom",
        message: `nests deeper than ${MAX_ARGUMENT_DEPTH} levels`,
      });
    } else if (canonicalBytes(value).length > MAX_CONTEXT_BYTES) {
      context.addIssue({
        code: "custom",
        message: `has more than ${MAX_CONTEXT_BYTES} bytes in canonical form`,
      });
    }
  }).meta({ type: "object", description: "What helps the approver to decide" });

/** What a request says to the approver, on every route that makes one. */
export const askFields = {
  context: contextField.nullish(),
  timeout_seconds: z.int().min(60).max(7 * 24 * 3600).nullish()
    .describe("Shortens the tool's or the organization's timeout"),
};

export const requestBody = z.strictObject({
  ...actionFields,
  ...askFields,
  reason: reasonField,
  reference_id: referenceField.nullish(),
});

export const idParams = z.object({
  id: z.string().min(1).max(64).describe("Id, or reference such as REF-7K2M9QXV-4T8B"),
});

export const waitQuery = z.strictObject({
  wait: z.string().regex(/^[0-9]{1,2}$/, "must be a whole number from 0 to 60").transform(Number)
    .pipe(z.number().max(60, "must be at most 60")).default(0)
    .describe(
      "Seconds to hold the answer while the request is pending; at most 50, for many proxies give up after 60",
    ),
});

export const listQuery = z.strictObject({
  ...pageQuery,
  ...timeRange,
  status: z.enum(APPROVAL_STATUSES).optional(),
  tool_name: toolName.optional(),
  tenant_id: tenantId.optional(),
});

export const decideBody = z.strictObject({
  decision: z.enum(["approve", "deny"]),
  decided_by: z.string().min(3).max(320).describe("E-mail address of the member who decided"),
  note: z.string().min(1).max(MAX_NOTE).nullish(),
});

export const afterId = z.tuple([z.string().refine((text) => isId(text, "apr"))]);
