/// <reference lib="dom" />
import Approval from "./approval.tsx";
import { startPage } from "./start_page.ts";

// The page of a request is opened from a notification, on a phone, by somebody in a hurry: all of
// its script comes in one answer, and none of it waits for another.
startPage({ approval: () => Promise.resolve({ default: Approval }) });
