import { pagePath } from "../base/page_path.ts";
import { visibleLine } from "../base/text.ts";
import type { Mail } from "../deps.ts";
import type { Services } from "../services.ts";
import type { DueWork } from "../store/records/log.ts";
import { OF_ORG } from "../store/records/vault.ts";
import { loadGrant } from "../vault/grant.ts";
import { sendDueLetter } from "./letters.ts";

/** Whoever keeps a credential is told by mail when it waits for a person, or is not refreshed any more. */

/** Tells one of them, unless it is put right by now, or not theirs any more. @throws {MailFailed} */
export async function tellKeeper(
  services: Pick<Services, "deps" | "ledgers" | "settings">,
  work: DueWork,
): Promise<void> {
  const [id = "", keeper = ""] = work.id.split(" ");
  const { origin } = services.settings.url;
  const letter = await services.ledgers.transact(work.org, {
    load: (reader) => loadGrant(reader, id),
    plan({ snapshot }, grant): Mail | null {
      const record = snapshot.exists ? snapshot.vault.get(id) : undefined;
      if (record === undefined || grant === null) return null;
      const rests = grant.resting_since !== null;
      if (grant.status === "ready" && !rests) return null;
      const member = snapshot.members.values().find((one) => one.id === keeper);
      const isTheirs = record.owner === OF_ORG
        ? member?.role === "owner"
        : member?.id === record.owner;
      if (member === undefined || !isTheirs) return null;
      return keeperLetter({
        to: member.email,
        organization: snapshot.org.name,
        name: record.name,
        rests,
        url: origin + pagePath("/credentials/:id", { id }),
      });
    },
  });
  await sendDueLetter(services, work, letter);
}

function keeperLetter({ to, organization, name, rests, url }: {
  readonly to: string;
  readonly organization: string;
  readonly name: string;
  readonly rests: boolean;
  readonly url: string;
}): Mail {
  const [what, where] = [visibleLine(name, 100), visibleLine(organization)];
  return rests
    ? {
      to,
      subject: `The credential ${what} is not refreshed any more`,
      text:
        `Nobody used the credential "${what}" of "${where}" for 60 days, so it is not refreshed any
more. The next call tries it once; if its provider has let it end by then, it has to be connected
again. If nothing needs it, remove it:

  ${url}
`,
    }
    : {
      to,
      subject: `The credential ${what} has to be connected again`,
      text:
        `Calls that carry the credential "${what}" of "${where}" are refused until it is connected
again, which takes a sign-in at its provider:

  ${url}
`,
    };
}
