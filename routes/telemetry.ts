import { trace } from "@opentelemetry/api";

/**
 * Names the span that the runtime opened for a request by its route, and ties it to the request id
 * of the answer and the log. Does nothing unless the process runs with `OTEL_DENO=true`.
 */
export function nameSpan(method: string, route: string, requestId: string): void {
  const span = trace.getActiveSpan();
  if (span === undefined) return;
  span.updateName(`${method} ${route}`);
  span.setAttributes({ "http.route": route, "countersign.request_id": requestId });
}
