import { z } from "zod";

/** How an operation of an HTTP API is asked: a part of the definition of its tool. */

/** Methods by which operations are asked. */
export const OPERATION_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;

/** How values of an argument are written (OpenAPI 3.1, "Style Values"). */
export const STYLES = [
  "simple",
  "label",
  "matrix",
  "form",
  "spaceDelimited",
  "pipeDelimited",
  "deepObject",
] as const;

const operationParameter = z.object({
  /** The member of the arguments that it is. */
  argument: z.string(),
  /** Its name in the request. */
  name: z.string(),
  in: z.enum(["path", "query", "header", "cookie"]),
  style: z.enum(STYLES),
  explode: z.boolean(),
  /** Whether its value is written as one JSON text, whatever its style. */
  json: z.boolean(),
});

export type OperationParameter = z.infer<typeof operationParameter>;

const propertyEncoding = z.object({
  style: z.enum(STYLES).exactOptional(),
  explode: z.boolean().exactOptional(),
  content_type: z.string().exactOptional(),
});

export type PropertyEncoding = z.infer<typeof propertyEncoding>;

const operationBody = z.object({
  /** The member of the arguments that it is. */
  argument: z.string(),
  media_type: z.string(),
  /** How members of a form are written, where that is not as usual. */
  encoding: z.record(z.string(), propertyEncoding),
});

export type OperationBody = z.infer<typeof operationBody>;

export const httpOperation = z.object({
  method: z.enum(OPERATION_METHODS),
  /** From the path of the upstream's URL on, with `{name}` for each path parameter. */
  path: z.string(),
  parameters: z.array(operationParameter),
  /** Null for none. */
  body: operationBody.nullable(),
});

export type HttpOperation = z.infer<typeof httpOperation>;
