/** The address of the page with checkpoint and export; its downloads are below it. */
export const EVIDENCE = "/activity/evidence";
