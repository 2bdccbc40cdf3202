import type { ComponentChildren } from "preact";
import { Brand } from "./brand.tsx";
import { Button } from "./button.tsx";
import { Form } from "./form.tsx";
import { Icon } from "./icon.tsx";
import { isCurrent, NAVIGATION, type NavigationItem, type NavigationKey } from "./navigation.ts";
import { type OrgChoice, OrgSwitcher } from "./org_switcher.tsx";

/** Who is signed in, as the frame shows it. */
export interface Viewer {
  /** Id of the member. */
  readonly id?: string;
  readonly name: string;
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
  return (
    <div class="shell" data-right={props.right} data-reader={viewer.id}>
      <a class="skip" href="#main">Skip to the page</a>
      <header class="top">
        <a class="top-home" href="/" aria-label="Countersign, overview">
          <Brand />
        </a>
        <OrgSwitcher orgName={viewer.orgName} orgs={viewer.orgs} action={switchAction} />
      </header>
      <aside class="side" aria-label="Menu">
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
        <span class="account-name" title={viewer.name}>{viewer.name}</span>
        <span class="account-role" data-role>{viewer.role}</span>
      </p>
      <Form action={signOutAction} do="sign_out">
        <Button variant="quiet" size="small" icon="sign_out">Sign out</Button>
      </Form>
    </div>
  );
}
