import { anyAnswer } from "../resources.ts";
import type { Call, Command } from "./command.ts";
import { EXIT, type Exit, Failed } from "./exit.ts";
import { credentialOf } from "./settings.ts";
import { table } from "./shown.ts";

/** What a key may do, by how it begins. */
const KINDS: Readonly<Record<string, string>> = {
  cs_agent_: "agent",
  cs_appr_: "approver key",
  cs_live_: "standard key",
  cs_mgmt_: "management key",
};

export function kindOf(key: string): string {
  return Object.entries(KINDS).find(([prefix]) => key.startsWith(prefix))?.[1] ?? "unknown";
}

/** Something that a key of that kind may read: what shows that it is taken. */
export function readableBy(kind: string): string {
  return kind === "agent" || kind === "approver key" ? "/v1/approvals?limit=1" : "/v1/org";
}

interface Health {
  readonly version?: unknown;
}

async function run(call: Call): Promise<Exit> {
  const url = await call.url();
  const credential = await credentialOf(call.machine, url, call.text("key"));
  if (credential === null) {
    throw new Failed(
      `There is no key for ${url.origin}. Set COUNTERSIGN_KEY, or run: countersign login`,
    );
  }
  const countersign = await call.service();
  const kind = kindOf(credential.key);
  const { version } = await countersign.get("/healthz", anyAnswer<Health>);
  const answer = await countersign.get(
    readableBy(kind),
    anyAnswer<Readonly<Record<string, unknown>>>,
  );
  const organization = typeof answer["name"] === "string" ? answer["name"] : null;
  const value = { url: url.origin, version, key: { kind, from: credential.from }, organization };
  const rows: (readonly unknown[])[] = [
    ["url", url.origin],
    ["version", version],
    ["key", `${kind}, from ${credential.from}`],
  ];
  if (organization !== null) rows.push(["organization", organization]);
  call.tell(value, table(rows));
  return EXIT.allowed;
}

export const status: Omit<Command, "about"> = { run };
