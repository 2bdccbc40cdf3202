import assert from "node:assert/strict";
import { CODES_AN_HOUR } from "../../lib/people/email_codes.ts";
import { Countersign } from "../helpers/countersign.ts";
import { FailingStore } from "../helpers/failing_store.ts";
import { People } from "../helpers/people.ts";
import { type Fetched, WebPerson } from "../helpers/web_person.ts";

/** Attacks that ask who or what there is: by answers, by what the store has to do, by ids. */

const KNOWN = "jo@example.com";
const UNKNOWN = "no@example.com";

/** What a stranger can tell of an answer; the time it takes is told by what the store did. */
interface Told {
  readonly status: number;
  readonly text: string;
  readonly to: string | null;
  readonly cookies: readonly string[];
  readonly storeCalls: number;
}

Deno.test("attack: a stranger tells by an answer, or by its work, whether an address has an account", async () => {
  const kv = await Deno.openKv(":memory:");
  const store = new FailingStore(kv);
  await using people = await People.start({ kv: store });
  const { countersign } = people;
  await people.withOwner(KNOWN);
  people.clock.advance(24 * 60 * 60_000);
  const ask = async (email: string): Promise<Told[]> => {
    const web = new WebPerson(countersign);
    const told: Told[] = [];
    const note = async (step: () => Promise<Fetched>) => {
      const before = store.calls;
      const { status, text, to } = await step();
      told.push({
        status,
        text: text.replaceAll(email, "…").replaceAll(/req_\w+/g, ""),
        to,
        cookies: [...web.cookies.keys()].toSorted(),
        storeCalls: store.calls - before,
      });
    };
    const tried = { code: "000000", recovery_code: "0".repeat(26) };
    await note(() => web.send("/recover", "confirm_code", tried));
    await note(() => web.send("/recover", "send_code", { email: ` ${email.toUpperCase()}` }));
    await note(() => web.get("/recover"));
    for (let i = 0; i < 6; i++) await note(() => web.send("/recover", "confirm_code", tried));
    await note(() => web.get("/recover"));
    for (let i = 0; i < CODES_AN_HOUR; i++) {
      await note(() => web.send("/recover", "send_code", { email }));
    }
    return told;
  };
  // Once for nobody, so that what is kept in memory after the first time is there for both.
  await ask("warm@example.com");
  const known = await ask(KNOWN);
  const unknown = await ask(UNKNOWN);
  assert.deepEqual(known.map(({ status }) => status), unknown.map(({ status }) => status));
  assert.deepEqual(known, unknown);
  assert.ok(known.some(({ status }) => status === 429));
  kv.close();
});

Deno.test("attack: a link that was made up, has ended or was used says which it is", async () => {
  await using people = await People.start();
  const { countersign, clock } = people;
  const setUp = await people.setUpLink();
  const { session } = await people.withOwner(KNOWN);
  const used = await people.invited(session, "used@example.com");
  await people.person("used@example.com").accept(used);
  const ended = await people.invited(session, "ended@example.com");
  clock.advance(8 * 24 * 60 * 60_000);
  const made = "A".repeat(43);
  const told = async (path: string, does: string) => {
    const web = new WebPerson(countersign);
    const link = path.split("/").at(-1) ?? "";
    const answers = [await web.get(path), await web.send(path, does)];
    return answers.map(({ status, text, to }) => ({
      status,
      text: text.replaceAll(link, "…").replaceAll(/req_\w+/g, ""),
      to,
    }));
  };
  const nothing = await told(`/invitation/${made}`, "send_code");
  for (const link of [used, ended]) {
    assert.deepEqual(await told(`/invitation/${link}`, "send_code"), nothing);
  }
  const none = await told(`/set-up/${made}`, "send_code");
  assert.deepEqual(await told(`/set-up/${setUp}`, "send_code"), none);
  const { account } = session.record;
  const noLink = await told(`/recover/acc_00000000000000000000000000/${made}`, "begin");
  assert.deepEqual(await told(`/recover/${account}/${made}`, "begin"), noLink);
});

Deno.test("attack: a member tells what another org has from what nobody has", async (t) => {
  await using countersign = await Countersign.start();
  const [own, other] = [await countersign.org(), await countersign.org()];
  const { secret } = await own.signedIn("owner", {});
  const rival = await other.signedIn("owner", {});
  await other.tool("their_tool", { default_permission: "requires_approval" });
  await other.agent({ name: "theirs" });
  await other.manage("PUT", "/v1/tenants/theirs", { name: "Theirs" });
  await other.manage("PUT", "/v1/resources/theirs", {});
  const rule = await other.manage("PUT", "/v1/rules", {
    selector: { tool_name: "their_tool" },
    permission: "requires_approval",
  });
  assert.equal(rule.status, 201, rule.text);
  const asked = await other.post("/v1/approvals", { tool_name: "their_tool", reason: "please" });
  const { agents, keys } = await other.transact(({ snapshot }) => ({
    agents: [...snapshot.agents.keys()],
    keys: [...snapshot.apiKeys.keys()],
  }));
  const absent = (id: string) => id.replace(/[0-9a-z]{26}$/, "00000000000000000000000000");
  const pairs: [path: (id: string) => string, theirs: string, nobodys: string, does: string][] = [
    [(id) => `/approvals/${id}`, asked.body.id, absent(asked.body.id), "deny"],
    [(id) => `/approvals/${id}`, asked.body.reference, "REF-00000000-0000", "deny"],
    [(id) => `/agents/${id}`, agents[0] ?? "", absent(agents[0] ?? ""), "revoke"],
    [(id) => `/api-keys/${id}`, keys[0] ?? "", absent(keys[0] ?? ""), "revoke"],
    [(id) => `/rules/${id}`, rule.body.id, absent(rule.body.id), "remove"],
    [(id) => `/tools/${id}`, "their_tool", "no_tool", "archive"],
    [(id) => `/tenants/${id}`, "theirs", "nobodys", "remove"],
    [(id) => `/resources/${id}`, "theirs", "nobodys", "remove"],
    [(id) => `/team/${encodeURIComponent(id)}`, rival.member.email, "a@example.com", "remove"],
  ];
  const web = WebPerson.with(countersign, secret);
  for (const [path, theirs, nobodys, does] of pairs) {
    await t.step(path(":id"), async () => {
      const told = async (id: string) => {
        const answers = [await web.get(path(id)), await web.send(path(id), does)];
        return answers.map(({ status, text, to }) => ({
          status,
          text: text.replaceAll(id, "…").replaceAll(/req_\w+/g, ""),
          to,
        }));
      };
      const got = await told(theirs);
      assert.deepEqual(got, await told(nobodys));
      assert.ok(got.every(({ status }) => status === 404 || status === 422), JSON.stringify(got));
    });
  }
  await t.step("/switch-org", async () => {
    const told = async (org: string) => {
      const { status, text } = await web.send("/switch-org", "switch_org", { org });
      return { status, text: text.replaceAll(org, "…") };
    };
    assert.deepEqual(await told(other.id), await told(absent(other.id)));
  });
});
