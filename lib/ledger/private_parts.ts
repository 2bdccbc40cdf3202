import type { PrivateParts } from "../store/records/log.ts";

/** What a row of `privateRows` holds, once it is opened. */
export type PrivateRow = [index: number, parts: PrivateParts][];
