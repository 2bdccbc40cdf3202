import { useEffect, useState } from "preact/hooks";
import { Badge } from "../components/badge.tsx";
import { Button } from "../components/button.tsx";
import { EmptyState } from "../components/empty_state.tsx";
import { Form } from "../components/form.tsx";
import { island } from "../components/island.tsx";
import { Notice } from "../components/notice.tsx";
import { Table } from "../components/table.tsx";
import { Time } from "../components/time.tsx";
import { postJson } from "./post_json.ts";
import {
  presentSubscription,
  type PushAbility,
  pushAbility,
  subscribe,
  subscriptionId,
} from "./push_subscription.ts";
import { showPasskey } from "./signing.ts";

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

export default island("push_switch", PushSwitch);

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
      return "You were asked and did not answer. Turn it on again, then choose “Allow”.";
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
                  variant="primary"
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
              {id === own && <Badge tone="accent">This one</Badge>}
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
    ? "The push service of your browser did not answer. Check your connection, then try again; " +
      "private windows, and some browsers and networks, shut pushes out altogether."
    : `This browser could not subscribe (${
      name || "unknown"
    }). Load the page again, or use another ` +
      "browser.";
}
