/** The inspector of a process, asked by the Chrome DevTools Protocol. */
export class Inspector {
  readonly #answers = new Map<number, PromiseWithResolvers<unknown>>();
  #asked = 0;

  private constructor(readonly socket: WebSocket) {
    socket.onmessage = ({ data }) => {
      const { id, result, error } = JSON.parse(data);
      const waiting = this.#answers.get(id);
      if (error === undefined) waiting?.resolve(result);
      else waiting?.reject(new Error(error.message));
    };
  }

  static async at(url: string): Promise<Inspector> {
    const socket = new WebSocket(url);
    const opened = Promise.withResolvers<void>();
    socket.onopen = () => opened.resolve();
    socket.onerror = () => opened.reject(new Error(`The inspector at ${url} cannot be reached`));
    await opened.promise;
    return new Inspector(socket);
  }

  ask(method: string, params: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const id = ++this.#asked;
    const answer = Promise.withResolvers<unknown>();
    this.#answers.set(id, answer);
    this.socket.send(JSON.stringify({ id, method, params }));
    return answer.promise;
  }

  close(): Promise<void> {
    const closed = Promise.withResolvers<void>();
    this.socket.onclose = () => closed.resolve();
    this.socket.close();
    return closed.promise;
  }
}
