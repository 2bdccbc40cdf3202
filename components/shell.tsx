import type { ComponentChildren } from "preact";
import { visibleLine } from "../lib/base/text.ts";
import { Button, ButtonLink } from "./button.tsx";
import { Form } from "./form.tsx";
import { Icon, type IconName } from "./icon.tsx";
import { UntrustedText } from "./untrusted.tsx";

/** The frame around every page: menu, organizations, who is signed in. */

/** Who is signed in, as the frame shows it. */
export interface Viewer {
  /** Id of the member. */
  readonly id?: string;
  readonly name: string;
  readonly email: string;
  readonly role: string;
  readonly orgName: string;
  /** The orgs that the viewer may switch to, the current one among them. */
  readonly orgs: readonly OrgChoice[];
  /** How many requests wait for the viewer. */
  readonly pending: number;
}

export interface ShellProps {
  readonly viewer: Viewer;
  /** Path of the page, by which its menu entry is marked. */
  readonly path: string;
  /** The pages that the menu lists; all when absent. */
  readonly allowed?: readonly NavigationKey[];
  /** What just happened, above the page; mostly a `Notice`. */
  readonly notice?: ComponentChildren;
  /** A bar over the whole page, such as the kill switch being on. */
  readonly banner?: ComponentChildren;
  readonly signOutAction?: string;
  readonly switchAction?: string;
  /** `wide` for tables and comparisons, `narrow` for one thing to read. */
  readonly width?: "wide" | "normal" | "narrow";
  /** The right by which the viewer sees the page: with it the page is taken away. */
  readonly right?: string;
  readonly children: ComponentChildren;
}

/**
 * The frame of every signed-in page. On a desk the menu stands at the side; on a phone the three
 * pages of every day and the menu lie at the bottom edge, under the thumb, without script.
 */
export function Shell(props: ShellProps) {
  const { viewer, path, notice, banner, width = "normal", children } = props;
  const { signOutAction = "/sign-out", switchAction = "/switch-org" } = props;
  const groups = NAVIGATION.map(({ heading, items }) => ({
    heading,
    items: items.filter(({ key }) => props.allowed?.includes(key) ?? true),
  })).filter(({ items }) => items.length > 0);
  const account = <Account viewer={viewer} signOutAction={signOutAction} />;
  const org = (
    <div class="side-org">
      <a class="home" href="/" aria-label="Countersign, overview">
        <Mark />
      </a>
      <OrgSwitcher orgName={viewer.orgName} orgs={viewer.orgs} action={switchAction} />
    </div>
  );
  return (
    <div
      class="shell"
      data-right={props.right}
      data-reader={viewer.id}
    >
      <a class="skip" href="#main">Skip to content</a>
      <aside class="side" aria-label="Menu">
        {org}
        <nav class="side-nav" aria-label="Pages">
          <Groups groups={groups} path={path} pending={viewer.pending} />
        </nav>
        {account}
      </aside>
      <main id="main" class={`main main-${width}`} tabIndex={-1}>
        {banner}
        {notice}
        {children}
      </main>
      <nav class="dock" aria-label="Shortcuts">
        {groups.flatMap(({ items }) => items)
          .filter(({ key }) => key === "overview" || key === "approvals" || key === "activity")
          .map((item) => (
            <NavigationLink key={item.key} item={item} path={path} pending={viewer.pending} />
          ))}
        <details class="dock-menu">
          <summary class="nav-link">
            <Icon name="menu" />
            <span>Menu</span>
          </summary>
          <div class="dock-sheet">
            {org}
            <Groups groups={groups} path={path} pending={viewer.pending} />
            {account}
          </div>
        </details>
      </nav>
    </div>
  );
}

interface GroupsProps {
  readonly groups: readonly { heading: string | null; items: readonly NavigationItem[] }[];
  readonly path: string;
  readonly pending: number;
}

function Groups({ groups, path, pending }: GroupsProps) {
  return (
    <>
      {groups.map(({ heading, items }) => (
        <section key={heading} class="nav-group">
          {heading !== null && <p class="nav-heading">{heading}</p>}
          <ul>
            {items.map((item) => (
              <li key={item.key}>
                <NavigationLink item={item} path={path} pending={pending} />
              </li>
            ))}
          </ul>
        </section>
      ))}
    </>
  );
}

interface NavigationLinkProps {
  readonly item: NavigationItem;
  readonly path: string;
  readonly pending: number;
}

function NavigationLink({ item, path, pending }: NavigationLinkProps) {
  const current = isCurrent(item.href, path);
  return (
    <a class="nav-link" href={item.href} aria-current={current ? "page" : undefined}>
      <Icon name={item.icon} />
      <span>{item.label}</span>
      {item.key === "approvals" && <PendingCount pending={pending} />}
    </a>
  );
}

/** How many requests wait, in every menu; a live page rewrites each `[data-pending]`. */
function PendingCount({ pending }: { readonly pending: number }) {
  return (
    <span class="count" data-pending={pending} hidden={pending === 0}>
      {pending > 99 ? "99+" : pending}
      <span class="visually-hidden">waiting</span>
    </span>
  );
}

function Account({ viewer, signOutAction }: {
  readonly viewer: Viewer;
  readonly signOutAction: string;
}) {
  return (
    <div class="account">
      <p class="account-who">
        <span class="account-name" title={viewer.email}>{viewer.name}</span>
        <span class="account-role" data-role>{viewer.role}</span>
      </p>
      <Form action={signOutAction} do="sign_out">
        <Button variant="quiet" size="small" icon="sign_out">Sign out</Button>
      </Form>
    </div>
  );
}

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
      { key: "mandates", label: "Mandates", href: "/mandates", icon: "mandate" },
      { key: "bundles", label: "Bundles", href: "/bundles", icon: "bundle" },
      { key: "api_keys", label: "API keys", href: "/api-keys", icon: "key" },
      { key: "upstreams", label: "Upstreams", href: "/upstreams", icon: "link" },
      { key: "connections", label: "Connections", href: "/connections", icon: "external" },
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

/** An organization that somebody may work in. */
export interface OrgChoice {
  readonly id: string;
  readonly name: string;
  readonly current: boolean;
}

export interface OrgSwitcherProps {
  readonly orgName: string;
  readonly orgs: readonly OrgChoice[];
  /** Where the choice is posted, as `org`. */
  readonly action: string;
}

/** The name of the organization, and the way to another: one of several, or a new one. */
export function OrgSwitcher({ orgName, orgs, action }: OrgSwitcherProps) {
  const others = orgs.filter(({ current }) => !current);
  return (
    <details class="switcher">
      <summary aria-label={`Organization ${visibleLine(orgName)}, switch`}>
        <span class="org-name">
          <UntrustedText text={orgName} />
        </span>
        <Icon name="chevron_down" size="small" />
      </summary>
      <div class="switcher-list">
        {others.length > 0 && (
          <Form action={action} do="switch_org">
            {others.map(({ id, name }) => (
              <Button key={id} variant="quiet" name="org" value={id}>
                <UntrustedText text={name} />
              </Button>
            ))}
          </Form>
        )}
        <ButtonLink href="/organizations" variant="quiet" icon="plus">
          Make another organization
        </ButtonLink>
      </div>
    </details>
  );
}

/** The mark of the product: a sentry's chevron, and over it the tick of the second signature. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 48 48" aria-hidden="true" focusable="false">
      <rect class="mark-ground" width="48" height="48" rx="11" />
      <path class="mark-chevron" d="M10 22l14 16 14-16" />
      <path class="mark-stroke" d="M17 14.5l7 8.5 13-13.5" />
    </svg>
  );
}

/** The mark and the name beside it. */
export function Brand() {
  return (
    <span class="brand">
      <Mark />
      <span class="brand-name">Countersign</span>
    </span>
  );
}
