import { useEffect, useState } from "preact/hooks";
import { Badge } from "../components/badges.tsx";
import { Button } from "../components/button.tsx";
import { Form } from "../components/form.tsx";
import { island } from "../components/island.tsx";
import { EmptyState, Notice } from "../components/layout.tsx";
import { Table } from "../components/table.tsx";
import { Time } from "../components/time.tsx";
import { fromBase64Url } from "../lib/base/bytes.ts";
import { postJson, showPasskey } from "./signing.ts";

/** Whether this browser can take pushes, and why not. */
export type PushAbility =
  | "able"
  /** The person has forbidden notifications of this site. */
  | "denied"
  /** An iPhone or iPad, which takes pushes for what is on its home screen only. */
  | "needs_home_screen"
  | "unsupported";

/** How long a browser may take to start the service worker, milliseconds. */
const START_MS = 10_000;

/** What this browser can do. */
export function pushAbility(): PushAbility {
  const able = "serviceWorker" in navigator && "PushManager" in globalThis &&
    "Notification" in globalThis;
  if (!able) return isHandheldApple() ? "needs_home_screen" : "unsupported";
  return Notification.permission === "denied" ? "denied" : "able";
}

/** An iPad calls itself a Mac, but no Mac has a screen for fingers. */
function isHandheldApple(): boolean {
  const { userAgent, maxTouchPoints } = navigator;
  return /iPhone|iPad|iPod/.test(userAgent) || (/Macintosh/.test(userAgent) && maxTouchPoints > 1);
}

/** The subscription that this browser has, whoever is signed in; null when there is none. */
export async function presentSubscription(): Promise<PushSubscription | null> {
  const registration = await navigator.serviceWorker.getRegistration();
  return await registration?.pushManager.getSubscription() ?? null;
}

/**
 * Subscribes this browser anew under the deployment's key.
 * @throws when the service worker does not start, or the browser's push service refuses
 */
export async function subscribe(publicKey: string): Promise<PushSubscription> {
  const registration = await started();
  // One that was made for another deployment or person at this address is in the way.
  await (await registration.pushManager.getSubscription())?.unsubscribe();
  return await registration.pushManager.subscribe({
    userVisibleOnly: true,
    applicationServerKey: fromBase64Url(publicKey) ?? new Uint8Array(),
  });
}

/** What the server calls a subscription with this endpoint. */
export async function subscriptionId(endpoint: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(endpoint));
  const hex = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0"));
  return hex.join("").slice(0, 32);
}

async function started(): Promise<ServiceWorkerRegistration> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error("The service worker did not start.")),
    START_MS,
  );
  try {
    return await Promise.race([navigator.serviceWorker.ready, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** One browser of the member that takes pushes. */
export interface PushBrowserRow {
  readonly id: string;
  /** Such as `Firefox on Linux`. */
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly created_at: number;
}

export interface PushSwitchProps {
  /** What a browser subscribes with, base64url. */
  readonly publicKey: string;
  readonly browsers: readonly PushBrowserRow[];
  readonly now: number;
}

const REASONS: Readonly<Record<Exclude<PushAbility, "able">, { title: string; text: string }>> = {
  denied: {
    title: "This browser blocks notifications of this site",
    text: "Allow them in its settings for this site (mostly behind the icon beside the address), " +
      "then load this page again.",
  },
  needs_home_screen: {
    title: "Put Countersign on your Home Screen first",
    text: "An iPhone or iPad takes pushes for apps on its Home Screen only. Tap Share, then “Add " +
      "to Home Screen”, open Countersign from there, and come back to this page.",
  },
  unsupported: {
    title: "This browser takes no pushes",
    text: "Use another browser for them, or let mails tell you.",
  },
};

export default island("push_switch", PushSwitch);

/** Turns pushes to this browser on and off, and lists the browsers that take them. */
function PushSwitch({ publicKey, browsers: first, now }: PushSwitchProps) {
  const [browsers, setBrowsers] = useState(first);
  const [ability, setAbility] = useState<PushAbility | null>(null);
  /** The id of this browser's subscription, the server's or not. */
  const [own, setOwn] = useState<string | null>(null);
  /** A subscription that the server takes once the person has shown their passkey. */
  const [waiting, setWaiting] = useState<PushSubscription | null>(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const isOn = own !== null && browsers.some(({ id }) => id === own);

  useEffect(() => {
    const found = pushAbility();
    const look = async () => {
      const present = found === "able" ? await presentSubscription() : null;
      setOwn(present === null ? null : await subscriptionId(present.endpoint));
    };
    // A browser that does not tell what it has can still be asked to subscribe.
    look().catch(() => setOwn(null)).finally(() => setAbility(found));
  }, []);

  /** Does one of the two, and says what went wrong with it. */
  const doing = (work: () => Promise<string | null>) => async () => {
    setBusy(true);
    setProblem("");
    setProblem(await work().catch(problemOf) ?? "");
    setBusy(false);
  };
  const turnOn = doing(async () => {
    const permission = await Notification.requestPermission();
    setAbility(pushAbility());
    if (permission === "denied") return null;
    if (permission !== "granted") {
      return "You were asked and didn't answer. Turn it on again, then choose “Allow”.";
    }
    return await hand(await subscribe(publicKey));
  });
  // By a click of its own: browsers show no passkey long after the one that began it all.
  const confirm = doing(async () => {
    if (waiting === null) return null;
    const shown = await showPasskey("step-up", "/session/fresh");
    return shown.ok ? await hand(waiting) : shown.message;
  });
  async function hand(made: PushSubscription): Promise<string | null> {
    const posted = await postJson<{ id: string; browsers: PushBrowserRow[] }>(
      "/notifications/push",
      made.toJSON(),
    );
    const awaitsPasskey = !posted.ok && posted.code === "fresh_assertion_required";
    setWaiting(awaitsPasskey ? made : null);
    if (awaitsPasskey) return null;
    if (!posted.ok) {
      await made.unsubscribe();
      return posted.message;
    }
    setOwn(posted.data.id);
    setBrowsers(posted.data.browsers);
    return null;
  }
  const turnOff = doing(async () => {
    const posted = await postJson<{ browsers: PushBrowserRow[] }>("/notifications/push/remove", {
      id: own,
    });
    if (!posted.ok) return posted.message;
    setBrowsers(posted.data.browsers);
    await (await presentSubscription())?.unsubscribe();
    return null;
  });

  return (
    <div class="stack">
      {ability !== null && ability !== "able"
        ? (
          <Notice tone="warning" title={REASONS[ability].title}>
            {REASONS[ability].text}
          </Notice>
        )
        : (
          <div class="row">
            {isOn
              ? <Button type="button" disabled={busy} onClick={turnOff}>Turn off here</Button>
              : waiting !== null
              ? (
                <Button
                  type="button"
                  variant="primary"
                  icon="passkey"
                  disabled={busy}
                  onClick={confirm}
                >
                  Confirm with your passkey
                </Button>
              )
              : (
                <Button
                  type="button"
                  icon="bell"
                  disabled={busy || ability === null}
                  onClick={turnOn}
                >
                  Turn on in this browser
                </Button>
              )}
            <p role="status" class="quiet">
              {busy
                ? "One moment…"
                : isOn
                ? "This browser takes pushes."
                : waiting !== null
                ? "One step left: a browser that takes pushes hears of requests after you sign out."
                : ""}
            </p>
          </div>
        )}
      {problem !== "" && <Notice tone="danger">{problem}</Notice>}
      <Browsers browsers={browsers} own={own} now={now} />
    </div>
  );
}

function Browsers({ browsers, own, now }: {
  readonly browsers: readonly PushBrowserRow[];
  readonly own: string | null;
  readonly now: number;
}) {
  return (
    <Table
      caption="Browsers that take pushes for you"
      rows={browsers}
      rowKey={({ id }) => id}
      columns={[
        {
          key: "name",
          label: "Browser",
          kind: "title",
          cell: ({ id, name }) => (
            <span class="row">
              {name}
              {id === own && <Badge>This one</Badge>}
            </span>
          ),
        },
        {
          key: "since",
          label: "Since",
          cell: ({ created_at }) => <Time at={created_at} now={now} show="relative" />,
        },
        {
          key: "actions",
          label: "Actions",
          kind: "actions",
          cell: ({ id, name }) => (
            <Form do="remove_browser" hidden={{ id }}>
              <Button size="small" aria-label={`Remove ${name}`}>Remove</Button>
            </Form>
          ),
        },
      ]}
      empty={
        <EmptyState icon="bell" title="No browser takes pushes for you">
          Turn them on in each browser, on each device, where you want to be reached.
        </EmptyState>
      }
    />
  );
}

/** What a failure to subscribe means. */
function problemOf(error: unknown): string {
  const name = error instanceof Error ? error.name : "";
  return name === "AbortError"
    ? "The push service of your browser didn't answer. Check your connection, then try again; " +
      "private windows, and some browsers and networks, shut pushes out altogether."
    : `This browser couldn't subscribe (${
      name || "unknown"
    }). Load the page again, or use another ` +
      "browser.";
}
