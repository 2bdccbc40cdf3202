import { isApprovalAnswer, objectOf } from "./answers.ts";
import {
  type Checked,
  type LogKeys,
  organizationOf,
  type ReceiptKeys,
  type SignedReceipt,
  verifiedClaims,
  verifiedReceipt,
} from "./receipts.ts";
import type { Sender, Sending } from "./sender.ts";
import type { Answers, Bodies } from "./wire.ts";

/** How long an answer is held, seconds. */
export interface Held extends Sending {
  readonly wait?: number;
}

/** Members of a query; those that are undefined are left out. */
export type Filter = Readonly<Record<string, string | number | undefined>>;

/** What the service answers where nothing runs on it; its shape is the document's to promise. */
export function anyAnswer<T>(value: unknown): value is T {
  return objectOf(value) !== null;
}

/** A part of a path that stays one. @throws {TypeError} for what would leave it */
export function segment(id: string): string {
  if (id === "" || id === "." || id === "..") throw new TypeError(`No id: ${JSON.stringify(id)}`);
  return encodeURIComponent(id);
}

/** A query, with its question mark; empty where nothing is asked. */
export function query(filter: Filter): string {
  const rows = Object.entries(filter).filter(([, value]) => value !== undefined && value !== 0);
  const text = new URLSearchParams(rows.map(([name, value]) => [name, String(value)])).toString();
  return text === "" ? "" : `?${text}`;
}

const ONCE = { once: true } as const;

/** Requests to people. */
export class Approvals {
  constructor(readonly sender: Sender) {}

  request(body: Bodies["approval"], sending: Sending = {}): Promise<Answers["approval"]> {
    return this.sender.post("/v1/approvals", body, isApprovalAnswer, { ...ONCE, ...sending });
  }

  /** By id or by reference; held until it changes, at most `wait` seconds. */
  get(id: string, { wait = 0, ...sending }: Held = {}): Promise<Answers["approval"]> {
    const path = `/v1/approvals/${segment(id)}${query({ wait })}`;
    return this.sender.get(path, isApprovalAnswer, { heldSeconds: wait, ...sending });
  }

  list(filter: Filter = {}): Promise<Answers["approvals"]> {
    return this.sender.get(`/v1/approvals${query(filter)}`, anyAnswer<Answers["approvals"]>);
  }

  cancel(id: string): Promise<Answers["approval"]> {
    return this.sender.post(`/v1/approvals/${segment(id)}/cancel`, {}, isApprovalAnswer, ONCE);
  }

  revoke(id: string): Promise<Answers["approval"]> {
    return this.sender.post(`/v1/approvals/${segment(id)}/revoke`, {}, isApprovalAnswer, ONCE);
  }
}

/** The longest that a tool may take, and a little for the way. */
const CALL_TIMEOUT_MS = 310_000;

/** Tools that Countersign runs itself, at the servers behind it. */
export class Calls {
  constructor(readonly sender: Sender) {}

  /** Sent again by its key where no answer came, which never runs it twice. */
  run(body: Bodies["call"], sending: Sending = {}): Promise<Answers["call"]> {
    return this.sender.post("/v1/calls", body, anyAnswer<Answers["call"]>, {
      ...ONCE,
      timeoutMs: CALL_TIMEOUT_MS,
      heldSeconds: body.wait ?? 0,
      ...sending,
    });
  }

  get(id: string, { wait = 0, ...sending }: Held = {}): Promise<Answers["call"]> {
    const path = `/v1/calls/${segment(id)}${query({ wait })}`;
    return this.sender.get(path, anyAnswer<Answers["call"]>, { heldSeconds: wait, ...sending });
  }
}

/** What users let agents do. */
export class Mandates {
  constructor(readonly sender: Sender) {}

  grant(body: Bodies["mandate"], sending: Sending = {}): Promise<Answers["mandate"]> {
    const accepts = anyAnswer<Answers["mandate"]>;
    return this.sender.post("/v1/mandates", body, accepts, { ...ONCE, ...sending });
  }

  get(id: string): Promise<Answers["mandate"]> {
    return this.sender.get(`/v1/mandates/${segment(id)}`, anyAnswer<Answers["mandate"]>);
  }

  list(filter: Filter = {}): Promise<Answers["mandates"]> {
    return this.sender.get(`/v1/mandates${query(filter)}`, anyAnswer<Answers["mandates"]>);
  }

  revoke(id: string, body: Bodies["revoke"], sending: Sending = {}): Promise<Answers["mandate"]> {
    const path = `/v1/mandates/${segment(id)}/revoke`;
    const accepts = anyAnswer<Answers["mandate"]>;
    return this.sender.post(path, body, accepts, { ...ONCE, ...sending });
  }
}

/** Questions to a user. */
export class Confirmations {
  constructor(readonly sender: Sender) {}

  statement(nonce: string): Promise<Answers["statement"]> {
    const path = `/v1/confirmations/${segment(nonce)}/statement`;
    return this.sender.post(path, {}, anyAnswer<Answers["statement"]>);
  }

  answer(nonce: string, body: Bodies["confirmation"]): Promise<Answers["resolved"]> {
    const path = `/v1/confirmations/${segment(nonce)}`;
    return this.sender.post(path, body, anyAnswer<Answers["resolved"]>);
  }

  get(id: string, { wait = 0, ...sending }: Held = {}): Promise<Answers["confirmation"]> {
    const path = `/v1/confirmations/${segment(id)}${query({ wait })}`;
    const accepts = anyAnswer<Answers["confirmation"]>;
    return this.sender.get(path, accepts, { heldSeconds: wait, ...sending });
  }
}

/** What may be spent, and what was. */
export class Budgets {
  constructor(readonly sender: Sender) {}

  list(filter: Filter = {}): Promise<Answers["budgets"]> {
    return this.sender.get(`/v1/budgets${query(filter)}`, anyAnswer<Answers["budgets"]>);
  }

  settle(body: Bodies["settle"], sending: Sending = {}): Promise<Answers["settled"]> {
    const accepts = anyAnswer<Answers["settled"]>;
    return this.sender.post("/v1/budgets/settle", body, accepts, { ...ONCE, ...sending });
  }
}

type Json = Readonly<Record<string, unknown>>;

/** Proofs of what was decided and done. */
export class Receipts {
  constructor(readonly sender: Sender) {}

  /**
   * A receipt whose entry, proof and signature fit each other.
   * @param keys the log's keys that are trusted, kept from before; without them the one that the
   *   receipt brings, which shows that it is of one piece, not whose it is
   * @throws {NotGenuine} where it does not fit
   */
  async get(id: string, keys?: LogKeys): Promise<Checked> {
    return await verifiedReceipt(await this.#read(id), keys);
  }

  /**
   * A signed receipt (`rcp_…`), and its claims.
   * @param keys those of the organization that are trusted, kept from before; without them those
   *   that the service tells now
   * @throws {NotGenuine} where it does not fit
   */
  async signed(id: string, keys?: ReceiptKeys): Promise<SignedReceipt> {
    const receipt = objectOf((await this.#read(id))["receipt"]) ?? {};
    const path = `/.well-known/countersign/receipt-keys/${segment(organizationOf(receipt))}`;
    const known = keys ?? await this.sender.get(path, anyAnswer<ReceiptKeys>);
    return { receipt, claims: await verifiedClaims(receipt, known), trusted: keys !== undefined };
  }

  #read(id: string): Promise<Json> {
    return this.sender.get(`/v1/receipts/${segment(id)}`, anyAnswer<Json>);
  }
}
