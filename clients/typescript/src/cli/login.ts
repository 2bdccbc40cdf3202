import { serviceUrl } from "../countersign.ts";
import { NoAnswer } from "../errors.ts";
import { opened } from "./browser.ts";
import type { Call, Command } from "./command.ts";
import { EXIT, type Exit, Failed, WrongUse } from "./exit.ts";
import {
  askLogin,
  type Endpoints,
  endpointsOf,
  giveBack,
  type LetIn,
  pollLogin,
  type Waiting,
} from "./oauth.ts";
import { forgetSecret, keepSecret, storedSecret } from "./secrets.ts";
import { keepSettings, keptSettings } from "./settings.ts";
import { clean, table } from "./shown.ts";

/** By how many seconds a service that is asked too often wants to be asked less (RFC 8628 section 3.5). */
const SLOWER = 5;

/** Where Countersign runs for who has just started it. */
const HERE = "http://localhost:8000";

/**
 * Has a person let this computer in, and keeps the secret that it gets. Nobody types a secret here, and
 * none is printed.
 */
async function loggedIn(call: Call): Promise<Exit> {
  const { machine } = call;
  const url = await chosenUrl(call);
  // What stands in the way of keeping a secret is better known before there is one.
  const before = await storedSecret(machine, url.origin);
  const endpoints = await endpointsOf(machine, url);
  const name = call.text("name") ?? machine.hostname;
  const waiting = await askLogin(machine, endpoints, name);
  call.note(`Your code is  ${waiting.user_code}`);
  const page = new URL(waiting.verification_uri);
  const isOpen = !call.flag("print") && await opened(machine, page);
  call.note(
    `${isOpen ? "Type it on the page that opens" : "Type it at"}  ${clean(page.href)}\n` +
      "An owner or admin does, with their passkey. Waiting…",
  );
  const got = await letIn(call, endpoints, waiting);
  const place = await kept(call, endpoints, url, got);
  if (before !== null) await giveBack(machine, endpoints, before.secret).catch(() => {});
  const { secret: _kept, ...told } = got;
  call.tell(
    { url: url.origin, ...told, kept_in: place },
    table([
      ["url", url.origin],
      ["organization", got.org_name],
      ["as", `${got.gives === "agent" ? "agent" : "standard key"} ${got.name}`],
      ["kept in", place],
    ]),
  );
  if (machine.env["COUNTERSIGN_KEY"] || machine.env["COUNTERSIGN_AGENT_TOKEN"]) {
    call.note("COUNTERSIGN_KEY or COUNTERSIGN_AGENT_TOKEN is set here, and goes before it.");
  }
  return EXIT.allowed;
}

/** Where to log in; whoever never said so is asked, if somebody is there. */
async function chosenUrl(call: Call): Promise<URL> {
  const { machine } = call;
  const isSaid = call.text("url") ?? machine.env["COUNTERSIGN_URL"] ??
    (await keptSettings(machine)).url;
  let url: URL;
  if (isSaid || !machine.interactive) url = await call.url();
  else {
    const typed = (await machine.ask(`Where is Countersign? [${HERE}] `)).trim() || HERE;
    if (!URL.canParse(typed)) throw new WrongUse(`${JSON.stringify(typed)} is no address`);
    url = new URL(typed);
  }
  try {
    return serviceUrl({ url, insecure: call.flag("insecure") });
  } catch (error) {
    throw new WrongUse((error as Error).message.replace("insecure: true", "--insecure"));
  }
}

/** Asks again and again, as slowly as it has to be, until somebody answered or the code is over. */
async function letIn(call: Call, endpoints: Endpoints, waiting: Waiting): Promise<LetIn> {
  const { machine } = call;
  let { interval } = waiting;
  let isLost = false;
  for (let waited = 0; waited < waiting.expires_in;) {
    await new Promise<void>((resolve) => void machine.after(interval * 1000, resolve));
    waited += interval;
    const polled = await pollLogin(machine, endpoints, waiting.device_code);
    if ("let_in" in polled) return polled.let_in;
    if ("refused" in polled) throw refusal(polled.refused, isLost);
    // Without an answer it is asked ever less often (RFC 8628 section 3.5).
    isLost ||= polled.wait === "later";
    if (polled.wait === "slow_down") interval += SLOWER;
    if (polled.wait === "later") interval = Math.max(interval * 2, polled.seconds ?? 0);
  }
  throw refusal("expired_token", isLost);
}

function refusal(error: string, isLost: boolean): Error {
  switch (error) {
    case "access_denied":
      return new Failed("This computer was denied. Nothing was given to it", EXIT.denied);
    case "expired_token":
      return new Failed("Nobody typed the code within its time. Run countersign login again");
    default:
      return new Failed(
        isLost
          ? "The answer with the secret got lost, and so it was ended. Run countersign login again"
          : "The code is good for nothing any more. Run countersign login again",
      );
  }
}

/** Keeps a secret; one that cannot be kept is given back at once, so that nothing is left of it. */
async function kept(
  { machine }: Call,
  endpoints: Endpoints,
  { origin }: URL,
  { secret }: LetIn,
): Promise<"keychain" | "file"> {
  try {
    const place = await keepSecret(machine, origin, secret);
    await keepSettings(machine, { ...await keptSettings(machine), url: origin });
    return place;
  } catch (error) {
    await giveBack(machine, endpoints, secret).catch(() => {});
    throw error;
  }
}

/** Forgets the secret of a service, and has what a login gave end there. */
async function loggedOut(call: Call): Promise<Exit> {
  const { machine } = call;
  const { origin } = await call.url();
  const stored = await storedSecret(machine, origin);
  if (stored === null) {
    call.tell({ url: origin, forgotten: false }, `There is nothing kept for ${origin}\n`);
    return EXIT.allowed;
  }
  await forgetSecret(machine, origin);
  try {
    await giveBack(machine, await endpointsOf(machine, new URL(origin)), stored.secret);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Failed(
      `It is forgotten here, and counts at ${origin} still: ${why}. End it there, under Agents or ` +
        "API keys",
      error instanceof NoAnswer ? EXIT.unreachable : EXIT.failed,
    );
  }
  call.tell(
    { url: origin, forgotten: true },
    "It is forgotten here. What login gave has ended; a key that somebody made goes on until they end it\n",
  );
  return EXIT.allowed;
}

export const login: Omit<Command, "about"> = {
  args: {
    name: {
      type: "string",
      description: "What this computer is called; its host name unless it is said",
      valueHint: "NAME",
    },
    print: { type: "boolean", description: "Print the page's address, and open nothing" },
  },
  run: loggedIn,
};

export const logout: Omit<Command, "about"> = { run: loggedOut };
