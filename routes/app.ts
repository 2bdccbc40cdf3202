import { Hono } from "hono";
import type { Services } from "../lib/services.ts";
import { SurfaceRefusal } from "./problems.ts";
import type { Route } from "./route.ts";
import { type Connection, refuse, serve } from "./serve.ts";
import { ROUTES } from "./manifest.ts";

/** The HTTP surface over the services: every route of the manifest, and an answer for the rest. */
export function app(
  services: Services,
  routes: readonly Route[] = ROUTES,
): Hono<{ Bindings: Connection }> {
  const hono = new Hono<{ Bindings: Connection }>();
  const { host } = services.settings.url;
  hono.use(async (c, next) => {
    // A page of another site that resolves to this host (DNS rebinding) names that site here.
    const asked = c.req.header("host");
    if (asked === host) return await next();
    const refusal = new SurfaceRefusal("misdirected_request", {
      host: asked ?? "",
      expected: host,
    });
    return refuse(refusal, services, identify(services, c.req.path));
  });
  const methods = new Map<string, string[]>();
  for (const route of routes) {
    hono.on(route.method.toUpperCase(), route.path, (c) => serve(services, route, c));
    methods.set(route.path, [...methods.get(route.path) ?? [], route.method.toUpperCase()]);
  }
  for (const [path, allow] of methods) {
    hono.all(path, (c) => {
      const refusal = new SurfaceRefusal("method_not_allowed", { method: c.req.method, allow });
      return refuse(refusal, services, identify(services, c.req.path));
    });
  }
  hono.notFound((c) => {
    const refusal = new SurfaceRefusal("route_not_found", { path: c.req.path });
    return refuse(refusal, services, identify(services, c.req.path));
  });
  hono.onError((error, c) => refuse(error, services, identify(services, c.req.path)));
  return hono;
}

function identify(services: Services, path: string): { path: string; id: string } {
  return { path, id: services.ids.make("req", services.deps.now()) };
}
