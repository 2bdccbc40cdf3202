import type { IdMaker } from "./base/id.ts";
import type { Deps } from "./deps.ts";
import type { Credentials } from "./identity/credentials.ts";
import type {
  ForwardedFor,
  HeldCalls,
  OpenSockets,
  RateLimits,
  RunningCalls,
  SourceLimits,
} from "./identity/limits.ts";
import type { FailedAttempts, LastUsed, ProcessTimes } from "./identity/noted.ts";
import type { LargeBodies, OpenAnswers } from "./identity/open_answers.ts";
import type { Ledgers } from "./ledger/ledgers.ts";
import type { Readiness } from "./ledger/readiness.ts";
import type { PrivateHosts } from "./outside/addresses.ts";
import type { MailSettings } from "./outside/mailer.ts";
import type { CLIENT_KINDS } from "./store/records/oauth.ts";
import type { CoarseTimer } from "./store/system.ts";
import type { WatchedRows } from "./store/watched_rows.ts";

/** What the surfaces are built on: made once at start, or by a test. */
export interface Services {
  readonly deps: Deps;
  readonly settings: Settings;
  readonly ledgers: Ledgers;
  readonly credentials: Credentials;
  readonly rateLimits: RateLimits;
  readonly sourceLimits: SourceLimits;
  readonly largeBodies: LargeBodies;
  /** Bodies have a time to arrive by it. */
  readonly bodyTimer: CoarseTimer;
  readonly lastUsed: LastUsed;
  readonly failedAttempts: FailedAttempts;
  readonly ids: IdMaker;
  readonly metadataDocuments: MetadataDocuments;
  readonly forwardedFor: ForwardedFor;
  readonly held: HeldCalls;
  readonly running: RunningCalls;
  readonly sockets: OpenSockets;
  readonly answers: OpenAnswers;
  readonly processTimes: ProcessTimes;
  readonly watchedRows: WatchedRows;
  readonly readiness: Readiness;
  /** Aborted when the process begins to stop: a held request then answers at once. */
  readonly stopping: AbortSignal;
}

/** A program that asks to act for somebody. It has no secret: PKCE and its addresses bind it. */
export interface OAuthClient {
  readonly id: string;
  readonly kind: (typeof CLIENT_KINDS)[number];
  /** As it calls itself: shown with hidden characters made visible, and believed by nobody. */
  readonly name: string;
  /** Where answers may go, as declared; only those that are allowed. */
  readonly redirect_uris: readonly string[];
  /** The host whose document names it; null for one that registered itself. */
  readonly host: string | null;
}

/** Why a client is not taken. */
type ClientRefusal = "unknown_client" | "document_unreachable" | "document_not_accepted";

export type FoundClient =
  | { readonly client: OAuthClient }
  | {
    readonly refused: ClientRefusal;
    /** One sentence for a person: what was got, and what to do. */
    readonly why: string;
  };

/** Clients that a document at their own address describes (Client ID Metadata Documents). */
export interface MetadataDocuments {
  /** @param client_id an https URL; whether its form is allowed is checked here */
  get(client_id: string): Promise<FoundClient>;
}

/** Where the APIs of channels' providers are, without a `/` at the end. */
export interface ChannelApis {
  readonly slack: string;
  readonly telegram: string;
  /** Null where the region of a channel says it. */
  readonly pagerduty: string | null;
  /** As what Slack knows this deployment; null where channels are only made of pasted addresses. */
  readonly slack_app: { readonly id: string; readonly secret: string } | null;
}

/** What the operator set, checked. */
export interface Settings {
  readonly port: number;
  /** A file path, `:memory:`, a KV Connect URL, or `PLATFORM_STORE`. */
  readonly kv: string;
  /** Public origin, without a path. */
  readonly url: URL;
  /** How many proxies stand before the process, by whose `X-Forwarded-For` callers are told apart. */
  readonly trusted_proxies: number;
  /** Null where it is to be read from, or made in, the configuration folder. */
  readonly secret: Uint8Array | null;
  readonly previous_secret: Uint8Array | null;
  /** `access` writes one line a request besides the lines about failures. */
  readonly log: "failures" | "access";
  /** Whether MCP clients that declare the tasks extension get tasks in place of held calls. */
  readonly mcp_tasks: boolean;
  /** Whether clients of Allowly's API are answered. */
  readonly allowly: boolean;
  /** How long it serves after the signal to stop, while it says that it is not ready. */
  readonly drain_seconds: number;
  /** Hosts that members may name although they are private, `host` or `host:port`. */
  readonly private_hosts: PrivateHosts;
  /** Origins of pages of others that may open a socket. */
  readonly ws_origins: ReadonlySet<string>;
  readonly channels: ChannelApis;
  /** Null where mails go to the console of the server. */
  readonly mail: MailSettings | null;
  readonly bootstrap: {
    readonly key: string | null;
    readonly approver_key: string | null;
    readonly owner: string | null;
  };
}
