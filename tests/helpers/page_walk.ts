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
  /** The action whose form is sent empty. */
  readonly does: string | null;
}

/** Every page that a member sees in an org; those about one thing only where there is one. */
export function stopsOf({ paths }: StagedOrg): Stop[] {
  return PAGES.flatMap((page): Stop[] => {
    const path = page.path.includes(":") ? paths[page.path] : page.path;
    if (path === undefined || page.path === "/sign-out" || page.path === "/switch-org") return [];
    // One that takes an empty form would do what it does.
    const does = Object.entries(page.actions ?? {})
      .find(([, { form }]) => !form.safeParse({}).success)?.[0];
    const stop: Stop = { page, path, look: "page", does: null };
    return does === undefined ? [stop] : [stop, { ...stop, look: "error", does }];
  });
}

/** A name for a file. */
export function stopName({ path, look }: Stop): string {
  const words = path === "/" ? "overview" : path.slice(1).replaceAll(/[^A-Za-z0-9_-]+/g, "_");
  return `${words.slice(0, 60)}${look === "error" ? ".error" : ""}`;
}

/** Goes there; for an error by sending the form empty. */
export async function visit(tab: Tab, { path, does }: Stop): Promise<void> {
  await tab.goto(path);
  if (does === null) return;
  await Promise.all([
    tab.page.waitForNavigation(),
    tab.page.evaluate((name: string) => {
      const form = document.createElement("form");
      form.method = "post";
      const field = document.createElement("input");
      field.name = "do";
      field.value = name;
      form.append(field);
      document.body.append(form);
      form.submit();
    }, does),
  ]);
  await tab.hydrated();
}
