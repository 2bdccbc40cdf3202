import type { AnswerHead, HostAnswer, HostFetch, HostRequest } from "../../lib/deps.ts";

/** What was sent to the hosts of endpoints. */
export interface Received {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** An answer of a host: its head, and its body unless that is empty. */
export type Answered = Partial<AnswerHead> & { readonly body?: string };

/** The hosts of endpoints, which take everything unless a test says otherwise. */
export class Receivers {
  readonly received: Received[] = [];
  /** What a request is answered; what it throws is thrown by the one who asks. */
  answer: (request: Received) => Answered | Promise<Answered> = () => ({});

  readonly fetch: HostFetch = async (request: HostRequest): Promise<HostAnswer> => {
    const { url, headers = {}, body } = request;
    const received = { url, headers, body: new TextDecoder().decode(body) };
    this.received.push(received);
    const { status = 200, headers: head = new Headers(), body: text } = await this.answer(received);
    return { status, headers: head, body: text === undefined ? null : new Response(text).body };
  };

  /** What was received since the last time. */
  taken(): Received[] {
    return this.received.splice(0);
  }
}
