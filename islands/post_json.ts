/** What an endpoint answered: its JSON, or the problem in plain words. */
export type Posted<T> =
  | { readonly ok: true; readonly data: T }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** Sends JSON to an endpoint of this origin. Never throws: a lost network is an answer as well. */
export async function postJson<T>(path: string, body: unknown = {}): Promise<Posted<T>> {
  let response: Response;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    return {
      ok: false,
      code: "offline",
      message: "The server cannot be reached. Check your connection, then try again.",
    };
  }
  const answer = await response.json().catch(() => null);
  if (response.ok) return { ok: true, data: answer as T };
  const { code = "unknown", detail = "", title = "" } = answer ?? {};
  return {
    ok: false,
    code,
    message: detail || title || `The server answered ${response.status}. Try again.`,
  };
}
