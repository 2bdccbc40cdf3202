/// <reference lib="dom" />
import { ISLANDS } from "./manifest.ts";
import { startPage } from "./start_page.ts";

startPage(ISLANDS);
