/** The release that this is of; `tests/project/version_test.ts` holds it to the service's. */
export const VERSION = "0.2.0";
