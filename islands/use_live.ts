import { useEffect, useState } from "preact/hooks";

/** What a stream brought last, and how it stands. */
export interface Live<T> {
  readonly value: T;
  readonly state: "connecting" | "live" | "ended";
  /** Why it ended; null while it has not. */
  readonly message: string | null;
}

/**
 * Follows a stream of this origin. It is closed while nobody looks at the page, for a browser opens
 * few connections to one server, and opened again with the page. Once the server has said that it is
 * over, it stays so.
 */
export function useLive<T>(path: string, start: T): Live<T> {
  const [live, setLive] = useState<Live<T>>({ value: start, state: "connecting", message: null });
  useEffect(() => {
    let source: EventSource | null = null;
    let over = false;
    const close = () => {
      source?.close();
      source = null;
    };
    const open = () => {
      if (source !== null || over || document.hidden) return;
      source = new EventSource(path);
      source.addEventListener("news", (event) => {
        const value: T = JSON.parse(event.data);
        setLive({ value, state: "live", message: null });
      });
      source.addEventListener("ended", (event) => {
        over = true;
        close();
        const { detail = "The stream ended." } = JSON.parse(event.data);
        setLive((before) => ({ ...before, state: "ended", message: detail }));
      });
      source.addEventListener("error", () => {
        setLive((before) => ({ ...before, state: "connecting" }));
        // A browser gives up when the answer was no stream; the server may be back in a moment.
        if (source?.readyState === EventSource.CLOSED) {
          close();
          retry = setTimeout(open, 3000);
        }
      });
    };
    let retry: ReturnType<typeof setTimeout> | undefined;
    const onVisibility = () => document.hidden ? close() : open();
    document.addEventListener("visibilitychange", onVisibility);
    open();
    return () => {
      document.removeEventListener("visibilitychange", onVisibility);
      clearTimeout(retry);
      close();
    };
  }, [path]);
  return live;
}
