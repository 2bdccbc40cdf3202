/// <reference lib="dom" />
import { useEffect, useState } from "preact/hooks";

/**
 * The list that the reader came from, with its filters and its page: what a request leads back to,
 * also after the next one and after a decision. Kept for the tab, and of our own addresses only.
 */

const LIST = "/approvals";

const KEPT = "list_view";

/** Where the list is: as the reader left it, or whole where they came from elsewhere. */
export function useWayBack(): string {
  const [path, setPath] = useState(LIST);
  useEffect(() => setPath(wayBack()), []);
  return path;
}

/** The same, for whoever goes there at once. */
export function wayBack(): string {
  try {
    const from = URL.parse(document.referrer);
    const isOurs = from !== null && from.origin === location.origin;
    if (isOurs && from.pathname === LIST) sessionStorage.setItem(KEPT, from.search);
    // From one request to another the list stays the same; from elsewhere there was none.
    else if (!isOurs || !from.pathname.startsWith(`${LIST}/`)) sessionStorage.removeItem(KEPT);
    return LIST + (sessionStorage.getItem(KEPT) ?? "");
  } catch {
    // A browser that keeps nothing has the whole list.
    return LIST;
  }
}
