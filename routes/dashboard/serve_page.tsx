import type { VNode } from "preact";
import { Bare } from "../../components/bare.tsx";
import { PAGE_ORG } from "../../components/form.tsx";
import type { NavigationKey } from "../../components/shell.tsx";
import { UntrustedText } from "../../components/untrusted.tsx";
import StepUp from "../../islands/step_up.tsx";
import { pagePath } from "../../lib/base/page_path.ts";
import { visibleText } from "../../lib/base/text.ts";
import { requireRight } from "../../lib/identity/deeds.ts";
import type { Right } from "../../lib/policy/rights.ts";
import { type AnyRefusal, invalidRequest, Refusal, type RefusalCode } from "../../lib/refusal.ts";
import type { Services } from "../../lib/services.ts";
import { type Exchange, logFailure, refusalOf, type Served, serveExchange } from "../http/serve.ts";
import { localPath, readCookie, securityHeaders } from "../http/headers.ts";
import { parseInput, readBody } from "../http/inputs.ts";
import { retryAfter, SurfaceRefusal } from "../http/problem_document.ts";
import { PROBLEMS } from "../http/problems.ts";
import { type BrowserCall, MemberCall } from "./browser_call.ts";
import { addCookies, browserCall } from "./browser_request.ts";
import { fileValues, formValues } from "./form.ts";
import { bareDocument, dashboardDocument, errorDocument } from "./frame.tsx";
import { refusalDetail, refusalWords } from "./refusal_words.ts";
import {
  type Action,
  type Attempt,
  type FormValues,
  LeadsOn,
  type Outcome,
  type Page,
  type View,
} from "./page.ts";

const NOTICE_SECONDS = 60;

const NOT_THEIRS: ReadonlySet<string> = new Set<RefusalCode>([
  "session_ended",
  "membership_ended",
  "role_required",
  "recovery_held",
]);

type Frame = "dashboard" | "bare";

/** Answers one request for a page, or by a form of it. */
export function servePage(
  services: Services,
  page: Page,
  sections: readonly NavigationKey[],
  c: Served,
): Promise<Response> {
  const answering = (exchange: Exchange) => new PageAnswer(exchange, page, sections);
  return serveExchange(services, c, page.path, answering);
}

/** One answer in the making: what is known of the request grows, and an error shows what there is. */
class PageAnswer {
  readonly services: Services;
  readonly id: string;
  call: BrowserCall | null = null;

  constructor(
    readonly exchange: Exchange,
    readonly page: Page,
    /** What the menu lists. */
    readonly sections: readonly NavigationKey[],
  ) {
    this.services = exchange.services;
    this.id = exchange.id;
  }

  async answer(): Promise<Response> {
    const { request } = this.exchange;
    const isPost = request.method === "POST";
    const readInput = async () => isPost ? await this.#fields(request) : undefined;
    this.call = await browserCall(this.exchange, this.page, readInput);
    return isPost
      ? await this.#act(this.call, this.call.body as FormValues)
      : await this.#show(this.call, 200, null);
  }

  async #fields(request: Request): Promise<FormValues> {
    const { bodyLimit } = this.page;
    const bytes = await readBody(request, this.services.bodyTimer, bodyLimit);
    return bodyLimit === undefined
      ? formValues(request.headers, bytes)
      : await fileValues(request.headers, new Uint8Array(bytes));
  }

  async #act(call: BrowserCall, values: FormValues): Promise<Response> {
    const { do: [name = ""] = [], [PAGE_ORG]: [org] = [], ...fields } = values;
    if (org !== undefined && call instanceof MemberCall && org !== call.org) {
      throw new SurfaceRefusal("other_organization", {});
    }
    if (call instanceof MemberCall) this.services.answers.mayChange(call.caller.id);
    const action = Object.hasOwn(this.page.actions ?? {}, name)
      ? this.page.actions?.[name] as Action<BrowserCall>
      : undefined;
    if (action === undefined) throw invalidRequest("/do", "names nothing that this page does");
    try {
      if (action.needs !== undefined && call instanceof MemberCall) {
        requireRight(call.caller, action.needs);
      }
      const outcome = await action.run(call, parseInput(action.form, fields));
      return await this.#done(call, outcome, action.needs);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { code } = error;
      // Nothing of this page helps somebody who may not do what it does, whatever they type.
      if (NOT_THEIRS.has(code)) throw error;
      if (code === "fresh_assertion_required") {
        return await this.#confirm(call, error, values);
      }
      const attempt: Attempt = {
        do: name,
        values: fields,
        errors: "errors" in error.data ? error.data.errors : [],
        message: visibleText(refusalWords(error)),
      };
      return await this.#showAgain(call, error, attempt);
    }
  }

  /** The page with the refused form; where there is no such page any more, the refusal alone. */
  async #showAgain(call: BrowserCall, refusal: AnyRefusal, attempt: Attempt): Promise<Response> {
    try {
      return await this.#show(call, PROBLEMS[refusal.code].status, attempt);
    } catch (error) {
      throw error instanceof Refusal ? refusal : error;
    }
  }

  /** @param right that the action asked for, where it is not the page's own */
  async #done(
    call: BrowserCall,
    outcome: Outcome,
    right: Right | undefined,
  ): Promise<Response> {
    if ("show" in outcome) {
      const { show: body, title } = outcome;
      return await this.#html(call, { status: 200, body, title, right });
    }
    const to = localPath(outcome.to, this.services.settings.url) ?? "/";
    return this.#leadOn(call, { ...outcome, to });
  }

  #leadOn(call: BrowserCall, { to, notice }: LeadsOn): Response {
    if (notice !== undefined) {
      call.cookies.push({ name: "notice", value: notice, maxAgeSeconds: NOTICE_SECONDS });
    }
    return this.#redirect(to, call);
  }

  async #show(call: BrowserCall, status: number, attempt: Attempt | null): Promise<Response> {
    // What `load` gives is what this page's own `view` takes.
    const load = this.page.load as (call: BrowserCall) => Promise<unknown>;
    const view = this.page.view as (view: View<unknown>) => VNode;
    const data = await load(call);
    if (data instanceof LeadsOn) return this.#leadOn(call, data);
    const title = typeof this.page.title === "string" ? this.page.title : this.page.title(data);
    const body = view({ data, attempt, now: call.now });
    return await this.#html(call, { status, body, title });
  }

  async refuse(error: unknown): Promise<Response> {
    const refusal = refusalOf(error);
    if (refusal.code === "membership_ended") return this.#redirect("/organizations", this.call);
    if (refusal.code === "session_ended") return this.#toSignIn();
    const about = { id: this.id, route: this.page.path };
    logFailure(this.services, error, refusal, about);
    if (refusal.code === "fresh_assertion_required" && this.call !== null) {
      return await this.#confirm(this.call, refusal, null);
    }
    return errorResponse(this.services, refusal, this.id);
  }

  /** Back to this page afterwards; what a form sent is not kept, its page is. */
  #toSignIn(): Response {
    const to = this.#here();
    return this.#redirect(pagePath("/sign-in", { to: to === "/" ? null : to }), null);
  }

  /** A page that holds what was sent until a passkey was shown; outside of the member's frame. */
  #confirm(
    call: BrowserCall,
    refusal: AnyRefusal | SurfaceRefusal,
    fields: FormValues | null,
  ): Promise<Response> {
    const what = refusalDetail(refusal);
    const body = <ConfirmPage what={what} action={this.#here()} fields={fields} />;
    return this.#html(call, { status: 200, body, title: "Confirm it is you", frame: "bare" });
  }

  /** Path and query of this request. */
  #here(): string {
    const url = URL.parse(this.exchange.request.url);
    return url === null ? "/" : url.pathname + url.search;
  }

  async #html(
    call: BrowserCall,
    { status, body, title, right, frame = this.page.audience === "member" ? "dashboard" : "bare" }:
      {
        readonly status: number;
        readonly body: VNode;
        readonly title: string;
        /** By which it is seen, where that is not the page's own. */
        readonly right?: Right | undefined;
        readonly frame?: Frame;
      },
  ): Promise<Response> {
    const { settings } = this.services;
    const notice = readCookie(call.request.headers, settings.url, "notice");
    if (notice !== null) call.cookies.push({ name: "notice", value: "", maxAgeSeconds: 0 });
    const width = "width" in this.page ? this.page.width : undefined;
    const script = "script" in this.page ? this.page.script : undefined;
    const html = frame === "dashboard" && call instanceof MemberCall
      ? await dashboardDocument(
        call,
        { title, body, notice, right: right ?? call.needs, width, script },
        this.sections,
      )
      : bareDocument({ title, body, notice });
    const headers = pageHeaders(this.services, this.id);
    addCookies(headers, call);
    const how = call.request.method === "GET" ? "body" : "given";
    const answer = call instanceof MemberCall
      ? this.services.answers[how](call.caller.id, html)
      : html;
    return new Response(answer, { status, headers });
  }

  #redirect(to: string, call: BrowserCall | null): Response {
    const headers = pageHeaders(this.services, this.id);
    headers.set("location", to);
    if (call !== null) addCookies(headers, call);
    return new Response(null, { status: 303, headers });
  }
}

/** An error as a page of its own, for whom nothing is known of. */
export function errorResponse(
  services: Services,
  refusal: AnyRefusal | SurfaceRefusal,
  id: string,
): Response {
  const kind = PROBLEMS[refusal.code];
  const retry = retryAfter(refusal);
  const html = errorDocument({
    title: kind.title,
    detail: refusalWords(refusal),
    request_id: id,
  });
  const headers = pageHeaders(services, id);
  if (retry !== null) headers.set("retry-after", String(retry));
  return new Response(html, { status: kind.status, headers });
}

/** The answer where no page is. */
export function noPage(services: Services, path: string, id: string): Response {
  const html = errorDocument({
    title: "No such page",
    detail: `There is nothing at ${path}. The link may be old, or cut short.`,
    request_id: id,
  });
  return new Response(html, { status: 404, headers: pageHeaders(services, id) });
}

function pageHeaders(services: Services, id: string): Headers {
  return new Headers({
    ...securityHeaders(services.settings.url),
    "content-type": "text/html; charset=utf-8",
    // What was on the screen of somebody signed in is not for the one who presses Back afterwards.
    "cache-control": "no-store",
    "x-request-id": id,
  });
}

const WAITING = "waiting";

/** What waits for a passkey. */
interface Unconfirmed {
  /** What it is for, in sentences. */
  readonly what: string;
  /** Where it goes afterwards. */
  readonly action: string;
  /** What the form sent; null when a page is to be loaded again. */
  readonly fields: FormValues | null;
}

/** Asks for the passkey once more, holding what was sent, and sends it again afterwards. */
function ConfirmPage({ what, action, fields }: Unconfirmed) {
  return (
    <Bare
      title="Confirm it is you"
      lead={
        <>
          <UntrustedText text={what} />
          {fields !== null && " It's done as soon as you confirm."}
        </>
      }
      foot={<a href={action}>Go back without doing it</a>}
    >
      {fields !== null && (
        <form id={WAITING} method="post" action={action} hidden>
          {Object.entries(fields).flatMap(([name, values]) =>
            values.map((value) => (
              // A text area keeps line ends that an input would take out.
              <textarea key={`${name} ${value}`} name={name}>{`\n${value}`}</textarea>
            ))
          )}
        </form>
      )}
      <StepUp form={fields === null ? null : WAITING} />
      <noscript>Passkeys need JavaScript. Allow it for this page, then load it again.</noscript>
    </Bare>
  );
}
