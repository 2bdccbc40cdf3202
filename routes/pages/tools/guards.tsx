import { z } from "zod";
import { Notice, Section } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { changeGuards, guardsInForce } from "../../../lib/catalog/guards.ts";
import { OF_AN_UPSTREAM } from "../../../lib/guards/guards.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import type { JsonObject } from "../../../lib/base/json.ts";
import type { Guards } from "../../../lib/store/records/guards.ts";
import {
  asShown,
  attempted,
  changedFrom,
  shownField,
  shownState,
} from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { action, memberPage } from "../../dashboard/page.ts";
import {
  guardsFields,
  GuardsForm,
  guardsOf,
  tried,
  tryFields,
  TrySection,
} from "./guards_form.tsx";

const PATH = "/guards";

const setting = z.strictObject({ shown: shownField, ...guardsFields });

const stateOf = (guards: Guards | undefined): JsonObject => ({ ...guards } as JsonObject);

/** The guards of all tools: what they are, what is set, and what they would find. */
export const guardsPage = memberPage({
  path: PATH,
  title: "Guards",
  section: "tools",
  needs: "read",
  load: async (call) => {
    const { guards, defaults } = await call.transact({
      plan: ({ snapshot }) => {
        const { guards = {}, ...org } = snapshot.org;
        return { guards, defaults: guardsInForce({ org }, OF_AN_UPSTREAM) };
      },
    });
    return { guards, defaults, mayConfigure: hasRight(call.caller.role, "configure") };
  },
  view: ({ data: { guards, defaults, mayConfigure }, attempt }) => (
    <>
      <PageHeader
        title="Guards"
        description="They look at the arguments of calls and at what servers answer, and only ever
          tighten what rules say. These are of all tools; a tool can have its own."
        breadcrumb={[{ label: "Tools", href: "/tools" }]}
      />
      <Notice tone="info" live={false} title="They find forms and wordings, and understand nothing">
        A plain order in a mail can't be told from what the mail tool is for. Rules, tiers and
        people are what holds a dangerous tool; guards flag, ask, and cut secrets out.
      </Notice>
      <Section
        title="For all tools"
        description="Where nothing is said, the word in brackets holds for tools of upstreams; other
          tools have no guard. Loosening one asks for an owner's passkey."
      >
        {mayConfigure
          ? (
            <GuardsForm
              form={attempted(attempt, "guards")}
              guards={guards}
              otherwise={defaults}
              hidden={{ shown: shownState(stateOf(guards)) }}
            />
          )
          : <p class="quiet">Owners and admins set them.</p>}
      </Section>
      {mayConfigure && <TrySection form={attempted(attempt, "try")} />}
    </>
  ),
  actions: {
    guards: action(setting, async (call: MemberCall, { shown, ...form }) => {
      const old = await call.transact({ plan: ({ snapshot }) => snapshot.org.guards ?? {} });
      const changed = asShown(
        changeGuards(guardsOf(form, old), call.id),
        ({ snapshot }) => changedFrom(stateOf(snapshot.org.guards), shown),
      );
      await call.transact(changed, "configure");
      return { to: PATH, notice: "Saved." };
    }, "configure"),
    try: action(z.strictObject(tryFields), async (call: MemberCall, form) => {
      const inForce = await call.transact({
        plan: ({ snapshot }) => guardsInForce(snapshot, OF_AN_UPSTREAM),
      });
      return tried(form, inForce, { href: PATH, label: "Guards" });
    }, "configure"),
  },
});
