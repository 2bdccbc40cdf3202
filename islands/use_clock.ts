import { useEffect, useState } from "preact/hooks";

/**
 * The server's time, milliseconds, moving on each second: a phone's own clock may be wrong.
 * @param start the server's time when it rendered the page; what the first rendering sees
 */
export function useClock(start: number): number {
  const [now, setNow] = useState(start);
  useEffect(() => {
    const from = performance.now();
    const timer = setInterval(() => setNow(start + performance.now() - from), 1000);
    return () => clearInterval(timer);
  }, [start]);
  return now;
}
