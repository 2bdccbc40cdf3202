import { pagePath } from "../base/page_path.ts";
import { visibleLine } from "../base/text.ts";
import type { Mail } from "../deps.ts";
import { sendDueLetter } from "../people/letters.ts";
import type { EndpointFields } from "../store/records/endpoint.ts";
import type { DisabledWhy } from "../store/records/event.ts";
import type { DueWork } from "../store/records/log.ts";
import type { Delivering, EndpointWay } from "./way.ts";

/** Owners are told by mail when nothing arrives at an endpoint, or is sent to it any more. */

/** Tells one owner, unless the endpoint is sound again or gone. @throws {MailFailed} */
export async function tellOwnerOfEndpoint<E extends EndpointFields>(
  services: Delivering,
  { load, called }: Pick<EndpointWay<E>, "load" | "called">,
  work: DueWork,
): Promise<void> {
  const [id = "", ownerId = ""] = work.id.split(" ");
  const { origin } = services.settings.url;
  const letter = await services.ledgers.transact(work.org, {
    load: (reader) => load(reader, id),
    plan({ snapshot }, endpoint): Mail | null {
      if (!snapshot.exists || endpoint === null) return null;
      const { disabled_why: why, failing_since: since, status } = endpoint;
      if (why === null && (since === null || status === "disabled")) return null;
      const owner = snapshot.members.values().find((member) => member.id === ownerId);
      if (owner === undefined) return null;
      const letter = {
        to: owner.email,
        organization: snapshot.org.name,
        what: called(endpoint),
        origin,
      };
      return why === null
        ? failingLetter({ ...letter, since: since ?? 0 })
        : disabledLetter({ ...letter, why });
    },
  });
  await sendDueLetter(services, work, letter);
}

const WHY: Readonly<Record<DisabledWhy, string>> = {
  gone: "it answered that it is no longer there",
  failing: "nothing has arrived there for five days",
};

interface Letter {
  readonly to: string;
  readonly organization: string;
  readonly what: string;
  readonly origin: string;
}

function failingLetter(
  { to, organization, what, since, origin }: Letter & { readonly since: number },
): Mail {
  return {
    to,
    subject: `Countersign cannot send to ${what}`,
    text: `Nothing that "${visibleLine(organization)}" sends to ${what} has arrived since
${
      new Date(since).toISOString().slice(0, 16).replace("T", " ")
    } UTC: whoever looks there hears of no request.

Look at what it answers, and mend it. It goes on being tried; what it missed can be sent once more.

  ${origin}${pagePath("/notifications")}
`,
  };
}

function disabledLetter({ to, organization, what, why, origin }: Letter & {
  readonly why: DisabledWhy;
}): Mail {
  return {
    to,
    subject: `Countersign no longer sends to ${what}`,
    text: `"${visibleLine(organization)}" no longer sends events to ${what}: ${WHY[why]}.

Look at what it answers, set it active again, and have sent what it missed: events are kept for 30
days.

  ${origin}${pagePath("/notifications")}
`,
  };
}
