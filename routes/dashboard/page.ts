import type { VNode } from "preact";
import type { z } from "zod";
import type { NavigationKey } from "../../components/shell.tsx";
import type { PagePath } from "../../lib/base/page_path.ts";
import type { Right } from "../../lib/policy/rights.ts";
import type { InputProblem } from "../../lib/refusal.ts";
import type { PageScript } from "./frame.tsx";
import type { AccountCall, BrowserCall, MemberCall } from "./browser_call.ts";
import type { BodyLimit } from "../http/inputs.ts";

/** What a form sent: a field may come several times. */
export type FormValues = Readonly<Record<string, readonly string[]>>;

/** A form that was refused: shown again as it was typed, with what is wrong. */
export interface Attempt {
  /** Which of the page's actions. */
  readonly do: string;
  readonly values: FormValues;
  /** Problems of single fields; `path` is a JSON pointer such as `/name`. */
  readonly errors: readonly InputProblem[];
  /** What is wrong with the whole, and what to do. */
  readonly message: string;
}

/** What an action leads to. */
export type Outcome =
  /** Another page, with a sentence about what was done. */
  | { readonly to: string; readonly notice?: string }
  /** A page that is shown only this once, such as one with a new secret. */
  | { readonly show: VNode; readonly title: string };

/** What a page's `load` gives when there is nothing to show here: it leads on, out of our site too. */
export class LeadsOn {
  /** @param to an address of our own making */
  constructor(readonly to: string, readonly notice?: string) {}
}

/** What a page is drawn from. */
export interface View<D> {
  readonly data: D;
  /** Null unless a form of this page was refused. */
  readonly attempt: Attempt | null;
  /** Milliseconds since 1970. */
  readonly now: number;
}

interface Described<D> {
  /** Hono's form. */
  readonly path: PagePath;
  readonly title: string | ((data: D) => string);
  /** What its forms may send, files too, where that is more than usual. */
  readonly bodyLimit?: BodyLimit;
}

interface Inputs<P extends z.ZodType, Q extends z.ZodType> {
  readonly params?: P;
  /** Values arrive as strings; each name once. */
  readonly query?: Q;
}

/** One thing that a form of the page does. Fields arrive as arrays of strings. */
export interface Action<C, F = unknown> {
  readonly form: z.ZodType<F>;
  /** Another right than the page's own. */
  readonly needs?: Right;
  readonly run: (call: C, form: F) => Promise<Outcome>;
}

interface Acting<C, D> {
  readonly load: (call: C) => Promise<D>;
  readonly view: (view: View<D>) => VNode;
  /** By the value of the form's hidden field `do`. */
  readonly actions?: Readonly<Record<string, Action<C>>>;
}

/** A page for members with a right. */
interface MemberPage extends Described<unknown>, Inputs<z.ZodType, z.ZodType> {
  readonly audience: "member";
  readonly needs: Right;
  readonly section: NavigationKey;
  readonly width?: "wide" | "normal" | "narrow";
  readonly script?: PageScript;
  readonly load: (call: MemberCall) => Promise<unknown>;
  readonly view: (view: View<unknown>) => VNode;
  readonly actions?: Readonly<Record<string, Action<MemberCall>>>;
}

/** A page for whoever is signed in, member of an org or not; its view holds its own frame. */
interface AccountPage extends Described<unknown>, Inputs<z.ZodType, z.ZodType> {
  readonly audience: "account";
  readonly load: (call: AccountCall) => Promise<unknown>;
  readonly view: (view: View<unknown>) => VNode;
  readonly actions?: Readonly<Record<string, Action<AccountCall>>>;
}

/** A page for everybody; its view holds its own frame. */
interface PublicPage extends Described<unknown>, Inputs<z.ZodType, z.ZodType> {
  readonly audience: "anyone";
  readonly load: (call: BrowserCall) => Promise<unknown>;
  readonly view: (view: View<unknown>) => VNode;
  readonly actions?: Readonly<Record<string, Action<BrowserCall>>>;
}

export type Page = MemberPage | AccountPage | PublicPage;

type Given<C, D, P extends z.ZodType, Q extends z.ZodType> =
  & Described<D>
  & Inputs<P, Q>
  & Acting<C, D>;

/** Declares a page of the dashboard. `load` runs for the member; `view` is pure. */
export function memberPage<
  D,
  P extends z.ZodType = z.ZodUndefined,
  Q extends z.ZodType = z.ZodUndefined,
>(
  page: Given<MemberCall<z.output<P>, z.output<Q>>, D, P, Q> & {
    readonly needs: Right;
    readonly section: NavigationKey;
    readonly width?: "wide" | "normal" | "narrow";
    /** Where it is not the one of most pages. */
    readonly script?: PageScript;
  },
): MemberPage {
  // The surface parses every input by the page's own schemas, and hands `view` what `load` gave.
  return { ...page, audience: "member" } as unknown as MemberPage;
}

/** Declares an address for members with a right that shows nothing of its own: `load` leads on. */
export function leadingPage<
  P extends z.ZodType = z.ZodUndefined,
  Q extends z.ZodType = z.ZodUndefined,
>(
  page: Described<LeadsOn> & Inputs<P, Q> & {
    readonly needs: Right;
    readonly section: NavigationKey;
    readonly load: (call: MemberCall<z.output<P>, z.output<Q>>) => Promise<LeadsOn>;
  },
): MemberPage {
  return memberPage({
    ...page,
    view: () => {
      throw new Error(`${page.path} shows nothing`);
    },
  });
}

/** Declares a page for whoever is signed in. */
export function accountPage<
  D,
  P extends z.ZodType = z.ZodUndefined,
  Q extends z.ZodType = z.ZodUndefined,
>(page: Given<AccountCall<z.output<P>, z.output<Q>>, D, P, Q>): AccountPage {
  return { ...page, audience: "account" } as unknown as AccountPage;
}

/** Declares a page for everybody. */
export function publicPage<
  D,
  P extends z.ZodType = z.ZodUndefined,
  Q extends z.ZodType = z.ZodUndefined,
>(page: Given<BrowserCall<z.output<P>, z.output<Q>>, D, P, Q>): PublicPage {
  return { ...page, audience: "anyone" } as unknown as PublicPage;
}

/** Declares an action, its form's type taken from the schema. */
export function action<C, F extends z.ZodType>(
  form: F,
  run: (call: C, form: z.output<F>) => Promise<Outcome>,
  needs?: Right,
): Action<C> {
  const shared = { form, run: run as Action<C>["run"] };
  return needs === undefined ? shared : { ...shared, needs };
}
