import { createContext } from "preact";

/** The hidden field in which a form says of which org its page is. */
export const PAGE_ORG = "page_org";

/**
 * The org that the page is of; null where it is of none, and within an island. A session looks at one
 * org at a time, and a page that stayed open in another tab must not change the next one's.
 */
export const PageOrg = createContext<string | null>(null);
