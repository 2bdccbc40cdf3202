import assert from "node:assert/strict";
import { secretHash } from "../../lib/identity/credentials.ts";
import { confirmInvitationCode, sendInvitationCode } from "../../lib/people/accept_invitation.ts";
import {
  CODE_MS,
  CODES_AN_HOUR,
  FAILURES_A_DAY,
  TRIES_A_CODE,
} from "../../lib/people/email_codes.ts";
import { Refusal } from "../../lib/refusal.ts";
import { makeServices } from "../../lib/server/wiring.ts";
import * as keys from "../../lib/store/keys.ts";
import { Sealer } from "../../lib/store/sealing.ts";
import { systemRandom } from "../../lib/store/system.ts";
import { CLIENT, People, wrongCode } from "../helpers/people.ts";
import { refused } from "../helpers/refused.ts";

const ANN = "ann@example.com";
const HOUR = 60 * 60 * 1000;

/** An invitation of somebody new, and a browser that follows it. */
async function invited(people: People, email = ANN) {
  const { session } = await people.withOwner();
  return { link: await people.invited(session, email), flow: people.newFlow() };
}

/** What a try comes to. */
async function outcome(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
    return "right";
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return error.code;
  }
}

Deno.test("A code is six digits, and is right once", async () => {
  await using people = await People.start();
  const { services } = people;
  const followed = await invited(people);
  await sendInvitationCode(services, followed, CLIENT);
  const code = people.codeFor(ANN);
  const spaced = { ...followed, code: ` ${code.slice(0, 3)} ${code.slice(3)}\n` };
  const { options } = await confirmInvitationCode(services, spaced, CLIENT);
  assert.equal(options.user.name, ANN);
  await refused(
    confirmInvitationCode(services, { ...followed, code }, CLIENT),
    "code_not_accepted",
  );
});

Deno.test("A code counts in the browser only that asked for it", async () => {
  await using people = await People.start();
  const { services } = people;
  const followed = await invited(people);
  await sendInvitationCode(services, followed, CLIENT);
  const code = people.codeFor(ANN);
  const elsewhere = { ...followed, flow: people.newFlow(), code };
  await refused(confirmInvitationCode(services, elsewhere, CLIENT), "code_not_accepted");
  await confirmInvitationCode(services, { ...followed, code }, CLIENT);
});

Deno.test("A code counts for the link only that it was asked for", async () => {
  await using people = await People.start();
  const { services } = people;
  const { session } = await people.withOwner();
  const flow = people.newFlow();
  const eve = { link: await people.invited(session, "eve@example.com"), flow };
  const ann = { link: await people.invited(session, ANN), flow };
  await sendInvitationCode(services, eve, CLIENT);
  const code = people.codeFor("eve@example.com");
  await refused(confirmInvitationCode(services, { ...ann, code }, CLIENT), "code_not_accepted");
  await confirmInvitationCode(services, { ...eve, code }, CLIENT);
});

Deno.test("A code ends after five minutes, and with the next one", async () => {
  await using people = await People.start();
  const { services, clock } = people;
  const followed = await invited(people);
  await sendInvitationCode(services, followed, CLIENT);
  const first = people.codeFor(ANN);
  clock.advance(CODE_MS);
  await refused(
    confirmInvitationCode(services, { ...followed, code: first }, CLIENT),
    "code_not_accepted",
  );
  await sendInvitationCode(services, followed, CLIENT);
  const second = people.codeFor(ANN);
  await sendInvitationCode(services, followed, CLIENT);
  const third = people.codeFor(ANN);
  if (second !== third) {
    await refused(
      confirmInvitationCode(services, { ...followed, code: second }, CLIENT),
      "code_not_accepted",
    );
  }
  await confirmInvitationCode(services, { ...followed, code: third }, CLIENT);
});

Deno.test("After five wrong tries a code is void, also for who has it right", async () => {
  await using people = await People.start();
  const { services } = people;
  const followed = await invited(people);
  await sendInvitationCode(services, followed, CLIENT);
  const code = people.codeFor(ANN);
  for (let i = 0; i < TRIES_A_CODE; i++) {
    const wrong = { ...followed, code: wrongCode(code) };
    await refused(confirmInvitationCode(services, wrong, CLIENT), "code_not_accepted");
  }
  await refused(
    confirmInvitationCode(services, { ...followed, code }, CLIENT),
    "code_not_accepted",
  );
});

Deno.test("Parallel tries are no more tries: of hundreds five are compared", async () => {
  await using people = await People.start();
  const { services } = people;
  const followed = await invited(people);
  await sendInvitationCode(services, followed, CLIENT);
  const code = people.codeFor(ANN);
  // Two processes over one store, and the right code behind the wrong ones of each.
  const second = makeServices(services.deps, services.settings);
  const wrong = Array.from({ length: 100 }, (_, i) =>
    confirmInvitationCode(
      i % 2 === 0 ? services : second,
      { ...followed, code: wrongCode(String(Number(code) + i)) },
      CLIENT,
    ));
  assert.deepEqual(new Set(await Promise.all(wrong.map(outcome))), new Set(["code_not_accepted"]));
  const right = [services, second].map((node) =>
    confirmInvitationCode(node, { ...followed, code }, CLIENT)
  );
  assert.deepEqual(await Promise.all(right.map(outcome)), [
    "code_not_accepted",
    "code_not_accepted",
  ]);
  const row = await services.deps.kv.get<{ failed: number[] }>(
    [...keys.emailCodeLimitKey(secretHash(ANN))],
  );
  assert.equal(row.value?.failed.length, TRIES_A_CODE);
});

Deno.test("An address gets five codes an hour, by whatever browser they are asked for", async () => {
  await using people = await People.start();
  const { services, clock } = people;
  const { link } = await invited(people);
  const ask = () => sendInvitationCode(services, { link, flow: people.newFlow() }, CLIENT);
  for (let i = 0; i < CODES_AN_HOUR; i++) {
    await ask();
    clock.advance(60_000);
  }
  const data = await refused(ask(), "too_many_codes");
  assert.deepEqual(data, { retry_after_seconds: 3600 - CODES_AN_HOUR * 60 });
  assert.equal(people.countersign.mail.to(ANN).length, 1 + CODES_AN_HOUR);
  clock.advance(data.retry_after_seconds * 1000);
  await ask();
  await refused(ask(), "too_many_codes");
});

Deno.test("Parallel askings get no more codes than one after another", async () => {
  await using people = await People.start();
  const { services } = people;
  const { link } = await invited(people);
  const second = makeServices(services.deps, services.settings);
  const asked = Array.from({ length: 40 }, (_, i) =>
    sendInvitationCode(
      i % 2 === 0 ? services : second,
      { link, flow: people.newFlow() },
      CLIENT,
    ));
  const outcomes = await Promise.all(asked.map(outcome));
  assert.equal(outcomes.filter((one) => one === "right").length, CODES_AN_HOUR);
  assert.equal(people.countersign.mail.to(ANN).length, 1 + CODES_AN_HOUR);
});

Deno.test("An address takes twenty wrong tries a day; then the right code is refused too", async () => {
  await using people = await People.start();
  const { services, clock } = people;
  const followed = await invited(people);
  let tries = 0;
  while (tries < FAILURES_A_DAY) {
    await sendInvitationCode(services, followed, CLIENT);
    const wrong = { ...followed, code: wrongCode(people.codeFor(ANN)) };
    for (let i = 0; i < TRIES_A_CODE - 1; i++, tries++) {
      await refused(confirmInvitationCode(services, wrong, CLIENT), "code_not_accepted");
    }
    if (tries < FAILURES_A_DAY) clock.advance(HOUR);
  }
  const code = people.codeFor(ANN);
  const right = () => confirmInvitationCode(services, { ...followed, code }, CLIENT);
  const { retry_after_seconds } = await refused(right(), "too_many_codes");
  assert.equal(retry_after_seconds, 20 * 3600);
  const asked = await refused(
    sendInvitationCode(services, followed, CLIENT),
    "too_many_codes",
  );
  assert.deepEqual(asked, { retry_after_seconds });
  clock.advance(retry_after_seconds * 1000);
  await sendInvitationCode(services, followed, CLIENT);
  const later = { ...followed, code: people.codeFor(ANN) };
  await confirmInvitationCode(services, later, CLIENT);
});

Deno.test("What is answered and stored is alike for an address with an account and one without", async () => {
  await using people = await People.start();
  const { services } = people;
  const { session } = await people.withOwner();
  await people.person(ANN).accept(await people.invited(session, ANN));
  const other = await people.countersign.org();
  const boss = await people.session((await other.signedIn("owner")).secret);
  const seen = [];
  for (const email of [ANN, "new@example.com"]) {
    const followed = { link: await people.invited(boss, email), flow: people.newFlow() };
    const sent = await sendInvitationCode(services, followed, CLIENT);
    const key = [...keys.emailCodeKey("enrolment", secretHash(followed.flow))];
    const row = await services.deps.kv.get<Record<string, unknown>>(key);
    const tries = [];
    for (let i = 0; i <= TRIES_A_CODE; i++) {
      tries.push(
        await outcome(confirmInvitationCode(services, { ...followed, code: "12" }, CLIENT)),
      );
    }
    const { to, ...answer } = sent;
    assert.equal(to, email);
    const mac = row.value?.mac as Uint8Array;
    seen.push([answer, Object.keys(row.value ?? {}), mac.length, tries]);
    assert.equal(people.countersign.mail.to(email).length >= 2, true, "each got a mail");
  }
  assert.deepEqual(seen[0], seen[1]);
});

Deno.test("The store holds no code, and what it holds is bound to address and browser", async () => {
  await using people = await People.start();
  const { services } = people;
  const followed = await invited(people);
  await sendInvitationCode(services, followed, CLIENT);
  const code = people.codeFor(ANN);
  const { kv } = services.deps;
  const key = [...keys.emailCodeKey("enrolment", secretHash(followed.flow))];
  const row = await kv.get<Record<string, unknown>>(key);
  for (const value of Object.values(row.value ?? {})) assert.notEqual(value, code);
  // Whoever writes the store moves a code of their own to the browser of another, or its address.
  await kv.set(key, { ...row.value, email: "eve@example.com" });
  await refused(
    confirmInvitationCode(services, { ...followed, code }, CLIENT),
    "code_not_accepted",
  );
  const flow = people.newFlow();
  await kv.set([...keys.emailCodeKey("enrolment", secretHash(flow))], row.value);
  await refused(
    confirmInvitationCode(services, { ...followed, flow, code }, CLIENT),
    "code_not_accepted",
  );
});

Deno.test("A code that was mailed under the previous secret is right after its rotation", async () => {
  const [old, next] = [systemRandom(48), systemRandom(48)];
  await using people = await People.start({ secret: old });
  const { services } = people;
  const followed = await invited(people);
  await sendInvitationCode(services, followed, CLIENT);
  const code = people.codeFor(ANN);
  const under = (sealer: Sealer) => makeServices({ ...services.deps, sealer }, services.settings);
  const alone = under(new Sealer(next, null, systemRandom));
  await refused(confirmInvitationCode(alone, { ...followed, code }, CLIENT), "code_not_accepted");
  const rotated = under(new Sealer(next, old, systemRandom));
  await confirmInvitationCode(rotated, { ...followed, code }, CLIENT);
});

Deno.test("Wrong codes are counted by where they came from", async () => {
  await using people = await People.start();
  const { services } = people;
  const followed = await invited(people);
  await sendInvitationCode(services, followed, CLIENT);
  const wrong = { ...followed, code: wrongCode(people.codeFor(ANN)) };
  for (let i = 0; i < 3; i++) {
    await refused(confirmInvitationCode(services, wrong, CLIENT), "code_not_accepted");
  }
  await services.failedAttempts.flush();
  const entry = (await people.log()).at(-1);
  assert.deepEqual([entry?.type, entry?.data.count], ["auth.failed", 3]);
});

Deno.test("A mail that fails tells nothing: the answer came before it", async () => {
  await using people = await People.start();
  const followed = await invited(people);
  people.countersign.mail.failure = "550 no";
  const sent = await sendInvitationCode(people.services, followed, CLIENT);
  assert.equal(sent.to, ANN);
});
