import { strangerUrlProblem } from "../net/stranger_url.ts";

const MAX_ENDPOINT = 2000;

/**
 * Why a browser's push endpoint is not one to send to, or null. A member hands it over, so it may
 * be any text: only what the push services of browsers look like is taken.
 */
export function endpointProblem(endpoint: string): string | null {
  if (endpoint.length > MAX_ENDPOINT) return `is longer than ${MAX_ENDPOINT} characters`;
  return strangerUrlProblem(endpoint);
}
