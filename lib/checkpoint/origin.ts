const SEPARATOR = "/log/";

/** Name of an organization's log, fixed when the organization is made: `<host>/log/<org_id>`. */
export function logOrigin(host: string, org: string): string {
  return `${host}${SEPARATOR}${org}`;
}

/** The organization whose log an origin names, or null if it is not the name of such a log. */
export function orgOfOrigin(origin: string): string | null {
  const at = origin.lastIndexOf(SEPARATOR);
  const org = at > 0 ? origin.slice(at + SEPARATOR.length) : "";
  return org === "" ? null : org;
}
