import { pagePath } from "../base/page_path.ts";
import { visibleLine } from "../base/text.ts";
import type { Mail } from "../deps.ts";
import { sendDueLetter } from "../people/letters.ts";
import type { EndpointFields } from "../store/records/endpoint.ts";
import type { DisabledWhy } from "../store/records/event.ts";
import type { DueWork } from "../store/records/log.ts";
import type { Delivering, EndpointWay } from "./way.ts";

/** Owners are told by mail when nothing is sent to an endpoint any more. */

/** Tells one owner, unless the endpoint is active again or gone. @throws {MailFailed} */
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
      if (!snapshot.exists || endpoint === null || endpoint.disabled_why === null) return null;
      const owner = snapshot.members.values().find((member) => member.id === ownerId);
      if (owner === undefined) return null;
      return disabledLetter({
        to: owner.email,
        organization: snapshot.org.name,
        what: called(endpoint),
        why: endpoint.disabled_why,
        origin,
      });
    },
  });
  await sendDueLetter(services, work, letter);
}

const WHY: Readonly<Record<DisabledWhy, string>> = {
  gone: "it answered that it is no longer there",
  failing: "nothing has arrived there for five days",
};

function disabledLetter({ to, organization, what, why, origin }: {
  readonly to: string;
  readonly organization: string;
  readonly what: string;
  readonly why: DisabledWhy;
  readonly origin: string;
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
