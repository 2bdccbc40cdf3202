import { render } from "preact";
import { Bare } from "../components/bare.tsx";
import { ButtonLink } from "../components/button.tsx";
import { UntrustedText } from "../components/untrusted.tsx";
import { pagePath } from "../lib/base/page_path.ts";

/** How long before a stream that failed is opened again, milliseconds. */
const AGAIN_MS = 3000;

/** How long a stream may be silent, milliseconds: it beats every five seconds. */
const SILENCE_MS = 12_000;

/** How a stream stands: it was never there, it brings what is new, or it has fallen silent. */
export type StreamState = "connecting" | "live" | "lost";

/** How long a part of the page that starts may take before it follows its stream, milliseconds. */
const SETTLE_MS = 300;

/** The browser's session is another's by now, or looks at another organization. */
const OTHER_READER: PageProblem = {
  code: "other_reader",
  title: "Not this account’s page any more",
  detail: "In this browser somebody else has signed in, or another organization was switched to.",
};

/** What a part of a page follows. */
export interface Following {
  /** Where the stream is. */
  readonly path: string;
  readonly onNews: (data: string) => void;
  readonly onState: (state: StreamState) => void;
}

/** What is followed on this page. */
const followings = new Set<Following>();

/** What goes by the server's time. */
const clocks = new Set<(now: number) => void>();

/**
 * Hears the server's time, milliseconds, with each stream that is opened and each of its beats, until
 * the returned function is called.
 */
export function followClock(tell: (now: number) => void): () => void {
  clocks.add(tell);
  return () => clocks.delete(tell);
}

/** Closes each stream of the page. */
const closers = new Set<() => void>();

/** Whether the page is one of a member, whom it was shown by a right. */
let isWatched = false;

let watch: (() => void) | null = null;

let settling: ReturnType<typeof setTimeout> | undefined;

let isOver = false;

/**
 * Follows a stream of this origin, until the returned function is called. It is closed while nobody
 * looks at the page, for a browser opens few connections to one server, and opened again with the
 * page. Once the server says that the page is not its reader's any more, the page is taken away.
 */
export function followStream(following: Following): () => void {
  followings.add(following);
  settleWatch();
  const stop = open(following);
  return () => {
    stop();
    followings.delete(following);
    settleWatch();
  };
}

/**
 * Sees to it that a member's page is taken away with the session, membership or right by which it was
 * shown: by a stream of its own, wherever no part of it follows one.
 */
export function watchPage(): void {
  isWatched = shown().right !== undefined;
  addEventListener("refused", endRefusedPage);
  settleWatch();
}

/** The member that the page was shown to, and the right by which; neither on pages for everybody. */
function shown(): { readonly reader?: string; readonly right?: string } {
  return document.querySelector<HTMLElement>("[data-right]")?.dataset ?? {};
}

function settleWatch(): void {
  clearTimeout(settling);
  const isNeeded = () => isWatched && followings.size === 0 && !isOver;
  if (!isNeeded()) {
    watch?.();
    watch = null;
    return;
  }
  settling = setTimeout(() => {
    if (watch !== null || !isNeeded()) return;
    const path = pagePath("/session/live", { right: shown().right });
    watch = open({ path, onNews: () => {}, onState: () => {} });
  }, SETTLE_MS);
}

function open({ path, onNews, onState }: Following): () => void {
  let source: EventSource | null = null;
  let again: ReturnType<typeof setTimeout> | undefined;
  let silence: ReturnType<typeof setTimeout> | undefined;
  let isStopped = false;
  const close = () => {
    source?.close();
    source = null;
    clearTimeout(again);
    clearTimeout(silence);
  };
  // A proxy that keeps what it should hand on, or a peer that is gone, is no error to a browser.
  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(() => {
      onState("lost");
      retry();
    }, SILENCE_MS);
  };
  const retry = () => {
    close();
    if (!isStopped) again = setTimeout(connect, AGAIN_MS);
  };
  const failed = async () => {
    onState("lost");
    // A browser goes on by itself, unless the answer was no stream. It does not say what it was.
    if (source?.readyState !== EventSource.CLOSED) return;
    close();
    const problem = await problemAt(path);
    if (isStopped) return;
    if (problem !== null) over(problem);
    else retry();
  };
  const connect = () => {
    if (source !== null || isStopped || isOver || document.hidden) return;
    source = new EventSource(path);
    heard();
    for (const event of ["reader", "role", "news", "beat"]) source.addEventListener(event, heard);
    for (const event of ["clock", "beat"]) source.addEventListener(event, tellTime);
    source.addEventListener("reader", (event) => {
      const { reader } = shown();
      if (reader !== undefined && reader !== JSON.parse(event.data)) over(OTHER_READER);
    });
    source.addEventListener("role", (event) => {
      for (const element of document.querySelectorAll("[data-role]")) {
        element.textContent = JSON.parse(event.data);
      }
    });
    source.addEventListener("news", (event) => {
      onState("live");
      onNews(event.data);
    });
    source.addEventListener("ended", (event) => {
      const problem: PageProblem & { readonly status: number } = JSON.parse(event.data);
      // What is wrong with the server is no reason to take a page away.
      if (isFinal(problem.status)) over(problem);
      else retry();
    });
    source.addEventListener("error", () => void failed());
  };
  const onVisibility = () => document.hidden ? close() : connect();
  const stop = () => {
    isStopped = true;
    document.removeEventListener("visibilitychange", onVisibility);
    close();
    closers.delete(stop);
  };
  closers.add(stop);
  document.addEventListener("visibilitychange", onVisibility);
  connect();
  return stop;
}

/** What ends a member's page, whatever they were about to do on it. */
const NOT_THEIRS: ReadonlySet<string> = new Set(["session_ended", "membership_ended"]);

/**
 * Takes a member's page away where it is refused something because it is theirs no more: its stream may
 * be down, or not have heard of it yet. A page for everybody stays.
 */
function endRefusedPage(event: Event): void {
  if (!(event instanceof CustomEvent)) return;
  const problem: PageProblem = event.detail;
  if (isWatched && NOT_THEIRS.has(problem.code)) over(problem);
}

function over(problem: PageProblem): void {
  if (isOver) return;
  isOver = true;
  for (const close of closers) close();
  endPage(problem);
}

function tellTime({ data }: MessageEvent): void {
  const now: unknown = JSON.parse(data);
  if (typeof now === "number") { for (const tell of clocks) tell(now); }
}

/** Why there is no stream for this reader; null where there may be one in a moment. */
async function problemAt(path: string): Promise<PageProblem | null> {
  try {
    const response = await fetch(path);
    if (!isFinal(response.status)) {
      await response.body?.cancel();
      return null;
    }
    return await response.json();
  } catch {
    return null;
  }
}

/** Whether asking again gives the same: all that is refused, but for having asked too much. */
function isFinal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 429;
}

/** Why a page is not its reader's any more: of a problem document what is shown. */
export interface PageProblem {
  readonly code: string;
  readonly title: string;
  readonly detail: string;
}

/**
 * Takes everything that the page shows away, and says why. Not only what is on the screen goes: the
 * elements of islands carry what they were drawn from.
 */
export function endPage(problem: PageProblem): void {
  const { pathname, search } = location;
  document.title = `${problem.title} · Countersign`;
  const root = document.createElement("div");
  document.body.replaceChildren(root);
  render(<PageEnd problem={problem} here={pathname + search} />, root);
  root.querySelector<HTMLElement>("h1")?.focus();
}

function PageEnd({ problem: { code, title, detail }, here }: {
  readonly problem: PageProblem;
  readonly here: string;
}) {
  return (
    <Bare title={title} lead={<UntrustedText text={detail} />}>
      <p>
        {code === "session_ended"
          ? (
            <ButtonLink href={pagePath("/sign-in", { to: here })} variant="primary">
              Sign in
            </ButtonLink>
          )
          : code === "membership_ended"
          ? <ButtonLink href="/organizations" variant="primary">Your organizations</ButtonLink>
          : <ButtonLink href="/" variant="primary">Go to the overview</ButtonLink>}
      </p>
    </Bare>
  );
}
