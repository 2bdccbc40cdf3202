import assert from "node:assert/strict";
import fc from "fast-check";
import { CountersignError, NotRun } from "../../clients/typescript/src/mod.ts";
import { runs as casesOf } from "../helpers/property_runs.ts";
import { answerLike, scripted } from "./scripted_service.ts";

/** Nothing runs on an answer that is not Countersign's, whole. */

const ACTION = { tool_name: "refund", arguments: { amount: 5 } };

/** Members of a check's answer that a yes needs. */
const NEEDED = [
  "decision_id",
  "permission",
  "resolved_from",
  "rule_id",
  "policy_version",
  "action_digest",
  "decided_at",
  "audit",
  "next",
];

const anything = fc.oneof(
  fc.constant(undefined),
  fc.constantFrom(0, -1, 0.5, true, [], {}, "", "allow", "ALLOWED", "granted", ["allowed"]),
);

const changed = fc.record({ member: fc.constantFrom(...NEEDED), value: anything })
  // What these members may be, too.
  .filter(({ member, value }) => !(member === "next" && JSON.stringify(value) === "{}"))
  .filter(({ member, value }) => !(member === "policy_version" && value === 0))
  .filter(({ member, value }) =>
    !(member === "resolved_from" && typeof value === "string" && value !== "")
  )
  .filter(({ member, value }) =>
    !(member === "rule_id" && value !== "" && typeof value === "string")
  )
  .map(({ member, value }) =>
    JSON.stringify(
      value === undefined
        ? answerLike("allowed", {}, [member])
        : answerLike("allowed", { [member]: value }),
    )
  );

const whole = JSON.stringify(answerLike("allowed"));
const cut = fc.nat(whole.length - 1).map((length) => whole.slice(0, length));
const wrapped = fc.constantFrom(
  `[${whole}]`,
  `"${whole.length}"`,
  `<p>${whole}</p>`,
  `{"data":${whole}}`,
);

Deno.test("property: no answer that is changed, cut or wrapped is a yes, whatever may run unasked", async () => {
  const property = fc.asyncProperty(fc.oneof(changed, cut, wrapped), async (text) => {
    const request = {
      method: "POST",
      path: "/v1/permissions/check",
      body: ACTION,
      idempotency_key: false,
    };
    const { client } = scripted([{ request, answer: { status: 200, text } }], {
      failOpen: ["refund"],
    });
    const error = await client.check(ACTION).catch((error) => error);
    assert.ok(error instanceof CountersignError, JSON.stringify(error));
    assert.equal(error.code, "bad_answer");
  });
  await fc.assert(property, casesOf(10_000));
});

Deno.test("property: whatever each request of a guarded tool is answered, its body is reached only by whole answers", async () => {
  const status = fc.constantFrom(200, 201, 204, 301, 400, 401, 403, 409, 429, 500, 502, 503, 504);
  const text = fc.oneof(cut, wrapped, changed, fc.constantFrom("", "null", "{}", "[]"));
  const property = fc.asyncProperty(
    fc.array(fc.tuple(status, text), { maxLength: 6 }),
    async (rows) => {
      const left = [...rows];
      let runs = 0;
      const { client } = scripted([], {
        fetch: () => {
          const [status, text] = left.shift() ?? [503, "{}"];
          return Promise.resolve(new Response(status === 204 ? null : text, { status }));
        },
      });
      const tool = client.guard({ tool_name: "refund", run: () => void runs++ });
      await assert.rejects(tool({ amount: 5 }), NotRun);
      assert.equal(runs, 0);
    },
  );
  await fc.assert(property, casesOf(2000));
});

Deno.test("an answer that never ends is none, when the time is over", async () => {
  let pulling: Promise<void> = Promise.resolve();
  const drips = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      pulling = new Promise((resolve) => setTimeout(resolve, 0));
      await pulling;
      controller.enqueue(new TextEncoder().encode(" "));
    },
  }, { highWaterMark: 0 });
  const { client } = scripted([], { fetch: () => Promise.resolve(new Response(drips)) });
  await assert.rejects(client.mint(ACTION, { timeoutMs: 50 }), { code: "timed_out" });
  await pulling;
});

Deno.test("an answer of more than an answer has is none", async () => {
  const piece = new Uint8Array(1024 * 1024).fill(0x20);
  const floods = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull: (controller) => controller.enqueue(piece),
  }, { highWaterMark: 0 });
  const { client } = scripted([], { fetch: () => Promise.resolve(new Response(floods)) });
  await assert.rejects(client.check(ACTION), { code: "bad_answer" });
});
