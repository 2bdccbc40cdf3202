import { GATEWAY_WAY_KEYS } from "../../lib/onboarding/gateway_ways.ts";
import { WAY_KEYS } from "../../lib/onboarding/ways.ts";
import type { Page } from "../../routes/dashboard/page.ts";
import { PAGES } from "../../routes/manifest.ts";
import type { Tab } from "./browser.ts";
import type { StagedOrg } from "./page_states.ts";

/** One page of the dashboard to look at. */
export interface Stop {
  readonly page: Page;
  readonly path: string;
  /** What of it is looked at: the page itself, or the page after a form of it was refused. */
  readonly look: "page" | "error";
  /** The action whose form is sent: empty, for an error. */
  readonly does: string | null;
  /** The form's fields. */
  readonly fields?: Readonly<Record<string, string>>;
}

/**
 * Every page that a member sees in an org; those about one thing only where there is one. The views
 * of a page that are pages of their own are among them.
 */
export function stopsOf({ paths }: StagedOrg): Stop[] {
  const asked = paths["/approvals/:id"]?.split("/").at(-1);
  const waiting = paths["a computer that waits"];
  return PAGES.flatMap((page): Stop[] => {
    const path = page.path.includes(":") ? paths[page.path] : page.path;
    if (path === undefined || page.path === "/sign-out" || page.path === "/switch-org") return [];
    // They lead to a provider, or come from one.
    if (page.path.startsWith("/connections/upstream/")) return [];
    // One that takes an empty form would do what it does.
    const does = Object.entries(page.actions ?? {})
      .find(([, { form }]) => !form.safeParse({}).success)?.[0];
    const stop: Stop = { page, path, look: "page", does: null };
    const views = page.path === "/notifications/channels/new"
      ? ["slack", "pagerduty"].map((kind): Stop => ({ ...stop, path: `${path}?kind=${kind}` }))
      : page.path === "/quickstart"
      ? WAY_KEYS.map((way): Stop => ({ ...stop, path: `${path}?with=${way}` }))
      : page.path === "/approvals"
      ? [
        ...["waiting", "all"].map((view): Stop => ({ ...stop, path: `${path}?view=${view}` })),
        // What is chosen is denied on a page of its own where there is no script.
        ...asked === undefined
          ? []
          : [{ ...stop, path: `${path}?deny`, does: "choose", fields: { ids: asked } }],
      ]
      : page.path === "/connect"
      ? GATEWAY_WAY_KEYS.map((way): Stop => ({ ...stop, path: `${path}?with=${way}` }))
      : page.path === "/device" && waiting !== undefined
      ? [{ ...stop, path: `${path}?asked`, does: "look", fields: { user_code: waiting } }]
      : page.path === "/connections/credentials/new"
      ? ["bearer", "header", "oauth2"].map((kind): Stop => ({
        ...stop,
        path: `${path}?kind=${kind}`,
      }))
      : page.path === "/calls/:id"
      ? [{ ...stop, path: paths["a call that waits"] ?? "" }]
      : page.path === "/upstreams/:name"
      ? [
        ...["drafts&select=all", "approved", "refused"]
          .map((view): Stop => ({ ...stop, path: `${path}?view=${view}` })),
        { ...stop, path: "/upstreams/silent" },
      ]
      : [];
    return [
      stop,
      ...views,
      ...does === undefined ? [] : [{ ...stop, look: "error" as const, does }],
    ];
  });
}

/** A name for a file. */
export function stopName({ path, look }: Stop): string {
  const words = path === "/" ? "overview" : path.slice(1).replaceAll(/[^A-Za-z0-9_-]+/g, "_");
  return `${words.slice(0, 60)}${look === "error" ? ".error" : ""}`;
}

/** Goes there; for an error, and for what only a form shows, by sending it. */
export async function visit(tab: Tab, { path, does, fields = {} }: Stop): Promise<void> {
  await tab.goto(path);
  if (does === null) return;
  await Promise.all([
    tab.page.waitForNavigation(),
    tab.page.evaluate((values: Readonly<Record<string, string>>) => {
      const form = document.createElement("form");
      form.method = "post";
      for (const [name, value] of Object.entries(values)) {
        form.append(Object.assign(document.createElement("input"), { name, value }));
      }
      document.body.append(form);
      form.submit();
    }, { do: does, ...fields }),
  ]);
  await tab.hydrated();
}
