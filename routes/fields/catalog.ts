import { z } from "zod";
import { isJsonObject, type JsonObject } from "../../lib/json/json_value.ts";
import { foldedMethod } from "../../lib/policy/names.ts";
import { patternIn } from "../../lib/policy/pattern_characters.ts";
import {
  REQUIRED_FACTS,
  RISK_LEVELS,
  TOOL_STATUSES,
  type ToolRecord,
  toolRecord,
} from "../../lib/store/records/policy.ts";
import {
  categoryName,
  killSwitchAnswer,
  killSwitchField,
  permissionField,
  seconds,
  tagName,
} from "../v1/catalog_fields.ts";
import { methodName } from "./action.ts";
import { timeText } from "./machine.ts";

const isUniqueMethod = (methods: readonly string[]) =>
  new Set(methods.map(foldedMethod)).size === methods.length;

const isUnique = (items: readonly string[]) => new Set(items).size === items.length;

/** Most bytes of a description: published tools have up to 9,000. */
const MAX_DESCRIPTION_BYTES = 16_384;

const encoder = new TextEncoder();

const toolDescription = z.string().refine(
  // Each UTF-16 unit is a byte at least: what is far too long is not encoded to be counted.
  (text) =>
    text.length <= MAX_DESCRIPTION_BYTES &&
    encoder.encode(text).length <= MAX_DESCRIPTION_BYTES,
  `has at most ${MAX_DESCRIPTION_BYTES} bytes of UTF-8`,
).meta({ maxLength: MAX_DESCRIPTION_BYTES, description: "At most 16,384 bytes of UTF-8" });

/** The fields of a tool in a body, all of which may be left out. */
export const toolFields = {
  description: toolDescription.exactOptional(),
  category: categoryName.nullable().exactOptional(),
  tags: z.array(tagName).max(16, "has at most 16 tags").refine(isUnique, "names a tag twice")
    .exactOptional(),
  risk_level: z.enum(RISK_LEVELS).exactOptional(),
  parameters: z.custom<JsonObject>(isJsonObject, "must be a JSON Schema that is an object")
    .nullable().exactOptional()
    .meta({
      type: ["object", "null"],
      description: "JSON Schema 2020-12 of the arguments, at most 32 KiB",
    }),
  default_permission: permissionField.nullable().exactOptional()
    .describe("What holds where no rule speaks; to be named when a draft is approved"),
  annotations: z.strictObject({
    read_only: z.boolean().exactOptional(),
    destructive: z.boolean().exactOptional(),
    idempotent: z.boolean().exactOptional(),
    open_world: z.boolean().exactOptional(),
  }).exactOptional(),
  annotations_acknowledged: z.boolean().exactOptional()
    .describe("True when a person stands for the annotations: only then it can be approved"),
  required_tier: z.int().min(0).max(3).exactOptional(),
  required_facts: z.array(z.enum(REQUIRED_FACTS)).refine(isUnique, "names a fact twice")
    .exactOptional(),
  methods: z.array(
    methodName.refine(
      (method) => patternIn(method) === null,
      "holds * ? or |: methods are compared as they are written, so list each by itself",
    ),
  ).min(1, "must name a method, or be null for any").max(64, "has at most 64 methods")
    .refine(isUniqueMethod, "names a method twice; case does not count")
    .nullable().exactOptional()
    .describe("The only methods that it takes, compared without case; null for any"),
  requires_second_approval: z.boolean().exactOptional(),
  approval_timeout_seconds: seconds(60, 7 * 24 * 60 * 60, "How long a request for it waits")
    .nullable().exactOptional(),
  approval_use_seconds: seconds(60, 24 * 60 * 60, "How long an approval may wait to be used")
    .nullable().exactOptional(),
  kill_switch: killSwitchField.exactOptional(),
  status: z.enum(TOOL_STATUSES).exactOptional(),
};

/** A tool in an answer. */
export const toolAnswer = toolRecord.omit({ created_at: true, updated_at: true, parameters: true })
  .extend({
    parameters: z.record(z.string(), z.unknown()).nullable(),
    kill_switch: killSwitchAnswer,
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  });

/** The wire form of a tool. */
export function renderTool({ created_at, updated_at, ...tool }: ToolRecord): JsonObject {
  return { ...tool, created_at: timeText(created_at), updated_at: timeText(updated_at) };
}
