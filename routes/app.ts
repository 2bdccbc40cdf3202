import { Hono } from "hono";
import type { Services } from "../lib/services.ts";
import { serveEndpoint } from "./dashboard/endpoint.ts";
import { errorResponse, noPage, servePage } from "./dashboard/serve_page.tsx";
import { documentationRoutes } from "./docs/documentation.ts";
import { templateOf } from "./docs/openapi.ts";
import { assetRoutes } from "./http/assets.ts";
import { nearestPaths } from "./http/nearest_paths.ts";
import { SurfaceRefusal } from "./http/problem_document.ts";
import type { Route } from "./http/route.ts";
import { type Connection, refuse, restHandler } from "./http/serve.ts";
import { ALLOWLY_ROUTES, ENDPOINTS, PAGES, ROUTES } from "./manifest.ts";
import { GATEWAYS, MCP, serveMcp } from "./mcp/mcp.ts";
import { OAUTH_ENDPOINTS } from "./oauth/endpoints.ts";
import { serveOAuth, servePreflight } from "./oauth/serve_oauth.ts";
import { FrameTargets, SOCKET_PATH } from "./socket/frame.ts";
import { serveSocket } from "./socket/upgrade.ts";

/** The endpoints of the protocol, which are no routes of the API. */
const MCP_ENDPOINTS = [MCP, ...GATEWAYS];

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

type Router = Hono<{ Bindings: Connection }>["router"];

/**
 * Finds routes as the router that it is made over does, and remembers what a path without parameters
 * leads to, of which there are only as many as there are routes. Some of ours can only be found by a
 * walk through a tree, which each request would make anew.
 */
class RememberedRoutes implements Router {
  readonly name = "RememberedRoutes";
  readonly #plain = new Set<string>();
  readonly #found = new Map(METHODS.map((method) => [method, new Map<string, Found>()]));

  constructor(readonly inner: Router) {}

  add(...[method, path, handler]: Parameters<Router["add"]>): void {
    if (!/[:*{?]/.test(path)) this.#plain.add(path);
    this.inner.add(method, path, handler);
  }

  match(method: string, path: string): Found {
    const found = this.#found.get(method);
    const known = found?.get(path);
    if (known !== undefined) return known;
    const routes = this.inner.match(method, path);
    if (this.#plain.has(path)) found?.set(path, routes);
    return routes;
  }
}

type Found = ReturnType<Router["match"]>;

/** Answers every request to this deployment. */
interface App {
  fetch(request: Request, connection: Connection): Response | Promise<Response>;
}

/** The HTTP surface over the services: every route of the manifest, and an answer for the rest. */
export function app(services: Services, routes: readonly Route[] = ROUTES): App {
  const hono = new Hono<{ Bindings: Connection }>();
  hono.router = new RememberedRoutes(hono.router);
  const { host, origin } = services.settings.url;
  const others = services.settings.allowly ? ALLOWLY_ROUTES : [];
  const served = [...routes, ...others, ...documentationRoutes(routes, origin), ...assetRoutes];
  for (const route of served) {
    hono.on(route.method.toUpperCase(), route.path, restHandler(services, route));
  }
  const templates = [
    ...routes,
    ...documentationRoutes(routes, origin),
    ...OAUTH_ENDPOINTS,
    ...MCP_ENDPOINTS,
    { path: SOCKET_PATH },
  ].map(({ path }) => templateOf(path));
  const sections = PAGES.flatMap((page) => page.audience === "member" ? [page.section] : []);
  // Before the pages: `/approvals/live` is no request of the name `live`.
  for (const endpoint of ENDPOINTS) {
    hono.on(
      endpoint.method.toUpperCase(),
      endpoint.path,
      (c) => serveEndpoint(services, endpoint, c),
    );
  }
  for (const endpoint of MCP_ENDPOINTS) {
    hono.post(endpoint.path, (c) => serveMcp(services, c, endpoint));
  }
  const targets = new FrameTargets(routes, origin);
  const ask: App["fetch"] = (request, connection) => surface.fetch(request, connection);
  hono.get(SOCKET_PATH, (c) => serveSocket(services, c, { dispatch: ask, targets }));
  for (const endpoint of OAUTH_ENDPOINTS) {
    const { method, path } = endpoint;
    hono.on(method.toUpperCase(), path, (c) => serveOAuth(services, endpoint, c));
    hono.on("OPTIONS", path, () => servePreflight(endpoint));
  }
  for (const page of PAGES) {
    hono.get(page.path, (c) => servePage(services, page, sections, c));
    if (page.actions === undefined) continue;
    hono.post(page.path, (c) => servePage(services, page, sections, c));
  }
  hono.notFound((c) => {
    const { path, method } = c.req;
    const allow = METHODS.filter((other) => hono.router.match(other, path)[0].length > 0);
    if (allow.includes("GET")) allow.push("HEAD");
    const about = identify(services, path);
    const page = wantsPage(c.req.raw);
    if (allow.length === 0) {
      if (page) return noPage(services, path, about.id);
      const close = nearestPaths(path, templates);
      return refuse(new SurfaceRefusal("route_not_found", { path, close }), services, about);
    }
    const refusal = new SurfaceRefusal("method_not_allowed", { method, allow });
    return page ? errorResponse(services, refusal, about.id) : refuse(refusal, services, about);
  });
  hono.onError((error, c) => refuse(error, services, identify(services, c.req.path)));

  const forAnyHost = new Set(
    served.filter((route) => route.callers === "open" && route.anyHost).map(({ path }) => path),
  );
  const surface: App = {
    fetch(request, connection) {
      // A page of another site that resolves to this host (DNS rebinding) names that site here.
      const asked = request.headers.get("host");
      if (asked !== host) {
        // What is no host at all makes no URL either; whoever sends it must not make this throw.
        const pathname = URL.parse(request.url)?.pathname ?? "/";
        if (!forAnyHost.has(pathname)) {
          const refusal = new SurfaceRefusal("misdirected_request", {
            host: asked ?? "",
            expected: host,
          });
          return refuse(refusal, services, identify(services, pathname));
        }
      }
      if (request.method !== "HEAD") return hono.fetch(request, connection);
      return headOf(hono.fetch(new Request(request, { method: "GET" }), connection));
    },
  };
  return surface;
}

/** An answer without its body, which ends: what streams it holds a place for its reader. */
async function headOf(answer: Response | Promise<Response>): Promise<Response> {
  const { body, status, headers } = await answer;
  await body?.cancel();
  return new Response(null, { status, headers });
}

/** Whether a person looks at the answer, not a program. */
function wantsPage({ headers }: Request): boolean {
  return headers.get("accept")?.toLowerCase().includes("text/html") ?? false;
}

function identify(services: Services, path: string): { path: string; id: string } {
  return { path, id: services.ids.make("req", services.deps.now()) };
}

/** A surface that can be emptied before its server is shut down. */
interface DrainableApp extends App {
  /** Resolves when every request under way has its answer and no socket is open. New ones are refused by then. */
  drained(): Promise<void>;
}

/**
 * Counts the requests under way, and refuses new ones once the process is stopping. The server's own
 * graceful shutdown does not do: Deno 2.9 breaks off the bodies that are still arriving
 * (denoland/deno#36809), so it must come when there are none.
 */
export function drainable(app: App, services: Services): DrainableApp {
  let underWay = 0;
  const { promise: drained, resolve } = Promise.withResolvers<void>();
  const answered = () => {
    underWay--;
    if (underWay === 0 && services.stopping.aborted) resolve();
  };
  return {
    fetch(request, connection) {
      if (services.stopping.aborted) {
        const path = URL.parse(request.url)?.pathname ?? "/";
        const id = services.ids.make("req", services.deps.now());
        return refuse(new SurfaceRefusal("stopping", {}), services, { path, id });
      }
      const answer = app.fetch(request, connection);
      if (answer instanceof Promise) {
        underWay++;
        answer.then(answered, answered);
      }
      return answer;
    },
    async drained() {
      await (underWay === 0 ? Promise.resolve() : drained);
      await services.sockets.none();
    },
  };
}
