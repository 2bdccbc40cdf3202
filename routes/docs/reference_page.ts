import { html } from "hono/html";
import { isJsonObject, type JsonObject, type JsonValue } from "../../lib/base/json.ts";
import { docsPage, type Html, inline, prose } from "./page.ts";
import { exampleOf, resolved, typeName } from "./schemas.ts";

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly id: string;
  readonly group: string;
  readonly data: JsonObject;
}

/** The API reference, made from the OpenAPI document alone. */
export function referencePage(document: JsonObject): Html {
  const operations = operationsOf(document);
  const groups = Map.groupBy(operations, ({ group }) => group);
  const info = object(document.info);
  return docsPage(
    "API reference",
    html`<main>
<h1>API reference</h1>
${prose(text(info.description))}
<div class="columns">
<details class="contents" open>
<summary>Routes</summary>
${
      [...groups].map(([group, of]) =>
        html`
          <p class="label">${group}</p>
          <ul>${of.map(({ id, method, path }) =>
            html`<li><a href="#${id}">${method} ${path}</a></li>\n`
          )}</ul>
        `
      )
    }
</details>
<div>
${
      [...groups].map(([group, of]) =>
        html`<h2>${group}</h2>${of.map((operation) => routeSection(operation, document))}`
      )
    }
</div>
</div>
</main>`,
  );
}

function operationsOf(document: JsonObject): Operation[] {
  const found: Operation[] = [];
  for (const [path, item] of Object.entries(object(document.paths))) {
    for (const [method, data] of Object.entries(object(item))) {
      if (!isJsonObject(data)) continue;
      const group = Array.isArray(data.tags) ? text(data.tags[0]) : "";
      found.push({ method: method.toUpperCase(), path, id: text(data.operationId), group, data });
    }
  }
  return found;
}

function routeSection({ method, path, id, data }: Operation, document: JsonObject): Html {
  const parameters = objects(data.parameters);
  const body = bodySchema(data, document);
  const responses = Object.entries(object(data.responses))
    .map(([status, response]) => ({ status, response: resolved(object(response), document) }));
  const successes = responses.filter(({ status }) => Number(status) < 400);
  const problems = responses.filter(({ status }) => Number(status) >= 400);
  return html`
    <section class="route" id="${id}">
    <h3><span class="method">${method}</span> <a href="#${id}"><code>${path}</code></a></h3>
    <p class="summary">${text(data.summary)}</p>
    ${prose(text(data.description))}
    ${parameters.length === 0 ? "" : html`
      <h3>Parameters</h3>
      <ul class="fields">${parameters.map(parameterItem)}</ul>
    `}
    ${body === null ? "" : html`<h3>Body</h3>${fieldList(body, document)}`}
    <h3>Example</h3>
    <pre tabindex="0">${curl(method, path, data, body, document)}</pre>
    <h3>Answers</h3>
    <ul class="fields">${successes.map((success) => answerItem(success, document))}</ul>
    <details><summary>Errors</summary><ul class="fields">${problems.map(({ status, response }) =>
      html`<li><span class="status">${status}</span> ${codesOf(response)}</li>`
    )}</ul></details>
    </section>
  `;
}

function parameterItem(parameter: JsonObject): Html {
  const schema = object(parameter.schema);
  return html`<li><code>${text(parameter.name)}</code>
<span class="type">${typeName(schema)}, in ${text(parameter.in)}${
    parameter.required === true ? "" : ", optional"
  }</span> ${inline(text(parameter.description))}</li>`;
}

function answerItem(
  { status, response }: { status: string; response: JsonObject },
  document: JsonObject,
): Html {
  const content = Object.entries(object(response.content));
  return html`<li><span class="status">${status}</span> ${text(response.description)} ${
    content.map(([media, given]) => {
      const { schema } = object(given);
      return html`<span class="type">${media}</span>${
        isJsonObject(schema) ? fieldList(resolved(schema, document), document) : ""
      }`;
    })
  }</li>`;
}

/** How deep members of members are listed. */
const MAX_DEPTH = 3;

function fieldList(schema: JsonObject, document: JsonObject, depth = 0): Html | "" {
  const properties = Object.entries(object(schema.properties));
  if (properties.length === 0 || depth > MAX_DEPTH) return "";
  const required = Array.isArray(schema.required) ? schema.required : [];
  return html`<ul class="fields">${
    properties.map(([name, value]) => {
      const member = resolved(object(value), document);
      const inner = member.type === "array" ? resolved(object(member.items), document) : member;
      return html`<li><code>${name}</code> <span class="type">${typeName(member)}${
        required.includes(name) ? "" : ", optional"
      }</span> ${inline(text(member.description))}${fieldList(inner, document, depth + 1)}</li>`;
    })
  }</ul>`;
}

function codesOf(response: JsonObject): Html[] {
  const content = object(object(response.content)["application/problem+json"]);
  const parts = objects(object(content.schema).allOf);
  const codes = parts.flatMap((part) => {
    const { enum: values } = object(object(part.properties).code);
    return Array.isArray(values) ? values.map(text) : [];
  });
  return codes.map((code) =>
    html`
      <a href="/docs/errors#${code}"><code>${code}</code></a>
    `
  );
}

function bodySchema(data: JsonObject, document: JsonObject): JsonObject | null {
  const content = object(object(data.requestBody).content);
  const { schema } = object(content["application/json"]);
  return isJsonObject(schema) ? resolved(schema, document) : null;
}

/** A request to paste into a shell: `$URL`, `$KEY` and `$ID` stand for the caller's own. */
function curl(
  method: string,
  path: string,
  data: JsonObject,
  body: JsonObject | null,
  document: JsonObject,
): string {
  const filled = path.replace(
    /\{(\w+)\}/g,
    (_match, name) => String(exampleOf(name, {}, document)),
  );
  const isOpen = Array.isArray(data.security) && data.security.length === 0;
  const headers = objects(data.parameters)
    .filter((parameter) => parameter.in === "header" && parameter.required === true)
    .map((parameter) => `-H '${text(parameter.name)}: "42"'`);
  const query = objects(data.parameters)
    .filter((parameter) => parameter.in === "query" && parameter.required === true)
    .map((parameter) => {
      const name = text(parameter.name);
      return `${name}=${exampleOf(name, object(parameter.schema), document)}`;
    });
  const address = filled + (query.length === 0 ? "" : `?${query.join("&")}`);
  const lines = [
    `curl ${method === "GET" ? "" : `-X ${method} `}"$URL${address}"`,
    ...(isOpen ? [] : [`-H "X-API-Key: $KEY"`]),
    ...headers,
    ...(body === null ? [] : [
      `-H 'Content-Type: application/json'`,
      `-d '${JSON.stringify(exampleOf("", body, document)).replaceAll("'", "'\\''")}'`,
    ]),
  ];
  return lines.join(" \\\n  ");
}

function object(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

function objects(value: JsonValue | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

function text(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}
