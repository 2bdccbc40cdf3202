import { optional, optionalJson, text } from "../dashboard/form.ts";
import { resourceId } from "../fields/action.ts";
import { displayName, metadataField, resourceType } from "../v1/catalog_fields.ts";

/** What is said of a resource, as a form sends it. */
export const resourceFields = {
  name: optional(displayName.unwrap()),
  type: optional(resourceType.unwrap()),
  metadata: optionalJson(metadataField),
};

/** An id in a form. No address ends in `.` or `..`: browsers take these for ways up. */
export const registeredId = text(
  resourceId.refine((id) => id !== "." && id !== "..", "cannot be . or .."),
);

/** The address of a resource's page. */
export function resourcePath(id: string): string {
  return `/resources/${encodeURIComponent(id)}`;
}
