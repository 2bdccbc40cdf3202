import type { IconName } from "./icon_paths.ts";

/** One page of the dashboard as the menus name it. */
export interface NavigationItem {
  readonly key: string;
  readonly label: string;
  readonly href: string;
  readonly icon: IconName;
}

/** The pages of the dashboard in groups, in the order of the menus; the first needs no heading. */
export const NAVIGATION = [
  {
    heading: null,
    items: [
      { key: "overview", label: "Overview", href: "/", icon: "overview" },
      { key: "approvals", label: "Approvals", href: "/approvals", icon: "approvals" },
      { key: "activity", label: "Activity", href: "/activity", icon: "activity" },
    ],
  },
  {
    heading: "Policy",
    items: [
      { key: "tools", label: "Tools", href: "/tools", icon: "tool" },
      { key: "rules", label: "Rules", href: "/rules", icon: "rules" },
      { key: "tenants", label: "Tenants", href: "/tenants", icon: "building" },
      { key: "resources", label: "Resources", href: "/resources", icon: "resource" },
    ],
  },
  {
    heading: "Access",
    items: [
      { key: "agents", label: "Agents", href: "/agents", icon: "agent" },
      { key: "api_keys", label: "API keys", href: "/api-keys", icon: "key" },
      { key: "connections", label: "Connections", href: "/connections", icon: "link" },
    ],
  },
  {
    heading: "Organization",
    items: [
      { key: "team", label: "Team", href: "/team", icon: "team" },
      { key: "notifications", label: "Notifications", href: "/notifications", icon: "bell" },
      { key: "security", label: "Security", href: "/security", icon: "shield" },
      { key: "settings", label: "Settings", href: "/settings", icon: "settings" },
    ],
  },
  {
    heading: "Build",
    items: [
      { key: "quickstart", label: "Quickstart", href: "/quickstart", icon: "bolt" },
      { key: "api_builder", label: "API Builder", href: "/api-builder", icon: "code" },
    ],
  },
] as const satisfies readonly { heading: string | null; items: readonly NavigationItem[] }[];

export type NavigationKey = (typeof NAVIGATION)[number]["items"][number]["key"];

/** Whether `path` is the page of `href` or a page below it. */
export function isCurrent(href: string, path: string): boolean {
  return path === href || (href !== "/" && path.startsWith(`${href}/`));
}
