import type { Route } from "./route.ts";
import { checkRoutes } from "./v1/permissions.ts";

/** Every route of the HTTP surface. */
export const ROUTES: readonly Route[] = [
  ...checkRoutes,
];
