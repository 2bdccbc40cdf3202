import { useEffect, useState } from "preact/hooks";
import { followStream, type StreamState } from "./page_stream.tsx";

/** What a stream brought last, and how it stands. */
export interface Live<T> {
  readonly value: T;
  readonly state: StreamState;
}

/** Follows a stream of this origin; see `followStream`. */
export function useLive<T>(path: string, start: T): Live<T> {
  const [value, setValue] = useState(start);
  const [state, setState] = useState<Live<T>["state"]>("connecting");
  useEffect(() =>
    followStream({
      path,
      onNews: (data) => setValue(JSON.parse(data)),
      onState: setState,
    }), [path]);
  return { value, state };
}
