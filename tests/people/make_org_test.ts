import assert from "node:assert/strict";
import { MADE_A_DAY } from "../../lib/people/make_org.ts";
import { accountKey } from "../../lib/store/keys.ts";
import { OAuthWorld } from "../helpers/oauth_world.ts";
import { WebPerson } from "../helpers/web_person.ts";

const PATH = "/organizations";
const DAY_MS = 24 * 60 * 60 * 1000;

async function started() {
  const world = await OAuthWorld.start();
  const { countersign } = world.people;
  const { entered, owner } = world.ruled;
  const web = WebPerson.with(countersign, entered.secret, owner.authenticator);
  return { world, web, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
}

function make(web: WebPerson, organization: string) {
  return web.send(PATH, "make_org", { organization });
}

Deno.test("a person makes another organization, is its owner, and is asked from then on where", async () => {
  await using it = await started();
  const { world, web } = it;
  assert.match((await web.get("/")).html, /href="\/organizations"/);
  const made = await make(web, "Second");
  assert.equal(made.to, "/", made.text);
  const home = await web.get("/");
  assert.match(home.text, /Second is made, and you are its owner/);
  assert.match(home.html, /aria-label="Organization Second, switch"/);
  assert.ok(home.html.includes(`value="${world.org}"`), "the switcher has the first one");
  const session = await world.people.session(web.session ?? "");
  const { org } = session.record;
  assert.ok(org !== null && org !== world.org);
  assert.match((await web.get(PATH)).text, /Second owner .*owner/);

  const consent = await (await world.authorize(world.query())).text();
  assert.ok(consent.includes(world.org) && consent.includes(org), "consent asks which");

  assert.equal((await web.send("/switch-org", "switch_org", { org: world.org })).to, "/");
  assert.equal((await world.people.session(web.session ?? "")).record.org, world.org);
});

Deno.test("the log of the deployment says who made an organization, and the new log who owns it", async () => {
  await using it = await started();
  const { world, web } = it;
  await make(web, "Second");
  const { org } = (await world.people.session(web.session ?? "")).record;
  const own = await world.people.log();
  const told = own.filter(({ type }) => type === "org.made");
  assert.equal(told.length, 1);
  assert.deepEqual(told[0]?.actor, { type: "account", id: world.account });
  assert.equal(told[0]?.data.org, org);
  const types = await world.people.types(org ?? "");
  assert.deepEqual(types.slice(0, 3), ["org.created", "member.set", "member.accepted"]);
  assert.ok(types.includes("passkey.enrolled"));
});

Deno.test("an organization is made under a fresh passkey, and with a name that can be read", async () => {
  await using it = await started();
  const { world, web } = it;
  for (const name of ["", "a\u202eb", "x".repeat(101)]) {
    const refused = await make(web, name);
    assert.equal(refused.status, 422, name);
  }
  world.clock.advance(5 * 60_000);
  const held = await make(web, "Second");
  assert.match(held.text, /Making an organization needs your passkey once more/);
  assert.doesNotMatch((await web.get(PATH)).text, /Second/);
  await web.show("step-up", "/session/fresh");
  assert.equal((await make(web, "Second")).to, "/");
  const stranger = new WebPerson(world.people.countersign);
  assert.match((await make(stranger, "Third")).to ?? "", /^\/sign-in/);
});

Deno.test("a person makes a few organizations a day, and no more", async () => {
  await using it = await started();
  const { world, web } = it;
  for (let i = 0; i < MADE_A_DAY; i++) assert.equal((await make(web, `Org ${i}`)).to, "/");
  const over = await make(web, "One more");
  assert.equal(over.status, 409);
  assert.match(over.text, /3 organizations within a day/);
  world.clock.advance(DAY_MS);
  const { secret } = await world.ruled.owner.signIn();
  const again = WebPerson.with(world.people.countersign, secret, world.ruled.owner.authenticator);
  assert.equal((await make(again, "One more")).to, "/");
});

Deno.test("attack: an organization of one's own is no way around the hold after a recovery", async () => {
  await using it = await started();
  const { world, web } = it;
  const { clock, services } = world.people.countersign;
  const key = [...accountKey(world.account)];
  const { value } = await services.deps.kv.get<Record<string, unknown>>(key);
  await services.deps.kv.atomic().set(key, { ...value, recovered_at: clock.now }).commit();
  const made = await make(web, "Second");
  assert.equal(made.to, "/", made.text);
  const { org } = (await world.people.session(web.session ?? "")).record;
  const [accepted] = (await world.people.log(org ?? "")).filter(({ type }) =>
    type === "member.accepted"
  );
  assert.equal(accepted?.data.held_until, new Date(clock.now + DAY_MS).toISOString());
});
