import { z } from "zod";
import { errorsPage } from "../errors_page.ts";
import { open, type Route } from "../http/route.ts";
import { openApiDocument } from "./openapi.ts";
import { DOCS_STYLESHEET } from "./page.ts";
import { referencePage } from "./reference_page.ts";

/** Where the pages find their stylesheet. */
export const STYLESHEET_PATH = "/docs/style.css";

const HTML_HEADERS = {
  "content-type": "text/html; charset=utf-8",
  "cache-control": "public, max-age=300",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  // No script at all, so nothing that slipped through the escaping could run; `frame-ancestors`
  // and `base-uri` are not covered by `default-src`.
  "content-security-policy":
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};

/**
 * The routes that describe a surface: its OpenAPI document and the pages made from it. Each is made
 * when it is first asked for.
 */
export function documentationRoutes(described: readonly Route[], origin: string): Route[] {
  const document = once(() => openApiDocument([...described, ...routes], origin));
  // As bytes, of which all answers that nobody reads hold the same.
  const bytes = (text: () => string) => once(() => new TextEncoder().encode(text()));
  const documentText = bytes(() => JSON.stringify(document()));
  const reference = bytes(() => referencePage(document()).toString());
  const errors = bytes(() => errorsPage().toString());
  const page = (text: () => Uint8Array<ArrayBuffer>) => () =>
    new Response(text(), { headers: HTML_HEADERS });
  const routes: Route[] = [
    open({
      method: "get",
      path: "/v1/openapi.json",
      group: "Documentation",
      summary: "This API as an OpenAPI 3.1 document",
      answers: { 200: z.looseObject({ openapi: z.string() }) },
      handle: () =>
        new Response(documentText(), {
          headers: {
            "content-type": "application/json",
            "cache-control": "public, max-age=300",
            "x-content-type-options": "nosniff",
          },
        }),
    }),
    open({
      method: "get",
      path: "/docs",
      group: "Documentation",
      summary: "This API as a page to read",
      answers: { 200: null },
      media: "text/html",
      handle: page(reference),
    }),
    open({
      method: "get",
      path: "/docs/errors",
      group: "Documentation",
      summary: "Every error code, its meaning and the next step",
      answers: { 200: null },
      media: "text/html",
      handle: page(errors),
    }),
    open({
      method: "get",
      path: STYLESHEET_PATH,
      group: "Documentation",
      summary: "The stylesheet of these pages",
      answers: { 200: null },
      media: "text/css",
      handle: () =>
        new Response(DOCS_STYLESHEET, {
          headers: {
            "content-type": "text/css; charset=utf-8",
            "cache-control": "public, max-age=300",
            "x-content-type-options": "nosniff",
          },
        }),
    }),
  ];
  return routes;
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | null = null;
  return () => (made ??= { value: make() }).value;
}
