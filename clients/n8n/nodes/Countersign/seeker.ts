import type { IExecuteFunctions, IHttpRequestOptions, IWebhookFunctions } from "n8n-workflow";
import type { Read } from "./items.ts";
import { problemOf } from "./sdk/answers.ts";
import type { Seeker } from "./sdk/authorize.ts";
import { type Failure, NoAnswer, Refused } from "./sdk/errors.ts";
import type { Accepts, Sending } from "./sdk/sender.ts";

/** What both ways of running a node can do. */
export type Context = IExecuteFunctions | IWebhookFunctions;

const CREDENTIAL = "countersignApi";

/** For an answer that nobody is held for, seconds, where the node does not say it. */
const LIMIT = 10;

/** How requests to Countersign are sent from a node: once each, with its credential. */
export class NodeSeeker implements Seeker {
  readonly ways = { clock: { now: () => Date.now() } };

  private constructor(
    readonly context: Context,
    readonly origin: string,
    readonly limitMs: number,
  ) {}

  /** @throws {NoAnswer} for an address that the key must not go to */
  static async of(context: Context, read: Read): Promise<NodeSeeker> {
    const { baseUrl, allowHttp } = await context.getCredentials(CREDENTIAL);
    const limitMs = (Number(read("answerWithin", 0)) || LIMIT) * 1000;
    return new NodeSeeker(context, originOf(String(baseUrl), allowHttp === true), limitMs);
  }

  get<T>(path: string, accepts: Accepts<T>, sending: Sending = {}): Promise<T> {
    return this.#send({ method: "GET", url: this.origin + path }, accepts, sending);
  }

  post<T>(path: string, body: object, accepts: Accepts<T>, sending: Sending = {}): Promise<T> {
    return this.#send({ method: "POST", url: this.origin + path, body }, accepts, sending);
  }

  async #send<T>(
    request: IHttpRequestOptions,
    accepts: Accepts<T>,
    { heldSeconds = 0 }: Sending,
  ): Promise<T> {
    const answer = await this.#answer(request, this.limitMs + heldSeconds * 1000);
    if (typeof answer === "string") {
      throw new NoAnswer(answer, `Countersign gave no answer at ${this.origin}`);
    }
    const { statusCode, body } = answer;
    if (statusCode >= 200 && statusCode < 300 && accepts(body)) return body;
    const problem = statusCode < 400 ? null : problemOf(statusCode, body);
    if (problem !== null) throw new Refused(problem);
    const message = `What answered at ${this.origin} with ${statusCode} is not Countersign`;
    throw new NoAnswer("bad_answer", message, { status: statusCode });
  }

  /** Or why there is none. What was thrown goes nowhere: it holds the request, and so the key. */
  async #answer(
    request: IHttpRequestOptions,
    timeout: number,
  ): Promise<{ readonly statusCode: number; readonly body: unknown } | Failure> {
    const { helpers } = this.context;
    const until = Date.now() + timeout;
    try {
      return await helpers.httpRequestWithAuthentication.call(this.context, CREDENTIAL, {
        ...request,
        json: true,
        returnFullResponse: true,
        ignoreHttpStatusErrors: true,
        // Followed, the key would go wherever somebody points.
        disableFollowRedirect: true,
        timeout,
      });
    } catch {
      return Date.now() < until ? "unreachable" : "timed_out";
    }
  }
}

const OWN_HOST = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/;

/** Where the key may go, by the same rule as every client's. */
function originOf(baseUrl: string, allowHttp: boolean): string {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : null;
  if (url === null) throw new NoAnswer("unreachable", "The base URL of the credential is no URL");
  const isSafe = url.protocol === "https:" ||
    url.protocol === "http:" && (allowHttp || OWN_HOST.test(url.hostname));
  if (isSafe && url.username === "" && url.password === "") return url.origin;
  throw new NoAnswer(
    "unreachable",
    "The base URL of the credential must be https, without a password; or allow HTTP there",
  );
}
