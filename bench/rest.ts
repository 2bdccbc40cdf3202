/** The service answers for its own name only, which is not the address that it is reached at. */
const client = Deno.createHttpClient({ allowHost: true });

/** Sends one request to a server of the bench and gives its JSON. @throws where it is refused */
export async function send(
  port: number,
  credential: string,
  method: "GET" | "PUT" | "POST" | "DELETE",
  path: string,
  body?: unknown,
): Promise<Record<string, unknown>> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    client,
    method,
    headers: { host: "localhost", "x-api-key": credential, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === "" ? {} : JSON.parse(text) as Record<string, unknown>;
}
