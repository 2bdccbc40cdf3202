/**
 * Puts faults back into a copy of the project, one at a time, and counts how many seeds the simulation
 * takes to find each: `deno task simulate:mutants`, or with words for those alone whose name has one.
 * Fails when one is not found within `SEEDS`.
 */
import { broken, type Mutant } from "./mutants.ts";
import { copyProject } from "./project_copy.ts";

/** Within how many seeds each has to be found. */
const SEEDS = 2000;

type Fault = Pick<Mutant, "file" | "find" | "replace"> & { readonly name: string };

const FAULTS: readonly Fault[] = [
  {
    name: "a clock that was ahead stops time",
    file: "lib/ledger/clock.ts",
    find: "if (now >= deadline) return true;",
    replace: "",
  },
  {
    name: "a commit that landed is believed to be refused",
    file: "lib/store/kv.ts",
    find: "return await landed(kv, mark) ?? result;",
    replace: "return result;",
  },
  {
    name: "a commit does not check the policy's version",
    file: "lib/ledger/commit.ts",
    find: "{ key: policyVersionKey(org), versionstamp: snapshot.versionstamp },",
    replace: "",
  },
  {
    name: "a commit does not check the log's head",
    file: "lib/ledger/commit.ts",
    find: "...(head === undefined ? [] : [{ key: logHeadKey(org), versionstamp: head }]),",
    replace: "",
  },
  {
    name: "a commit does not check the records it read",
    file: "lib/ledger/commit.ts",
    find: "    ...transaction.checks.values(),\n",
    replace: "",
  },
  {
    name: "a nonce is not deleted when it is used",
    file: "lib/people/ceremonies.ts",
    find: "transaction.delete(ceremonyKey(secretHash(nonce)));",
    replace: "",
  },
  {
    name: "what expires at a moment is good at that moment",
    file: "lib/ledger/clock.ts",
    find: `if (now >= deadline) return true;
  // A log that was past the deadline when it was set was ahead of the time, and tells nothing.
  if (set < deadline && deadline <= at) return true;`,
    replace: "if (now > deadline || (set < deadline && deadline < at)) return true;",
  },
  {
    name: "a batch goes on after a change of the policy",
    file: "lib/ledger/transaction.ts",
    find: "if (this.changesPolicy) throw new Deferred();",
    replace: "",
  },
  {
    name: "an idempotency key is forgotten",
    file: "lib/tokens/kept_answer.ts",
    find: "transaction.set(key, kept, { expireIn });",
    replace: "",
  },
  {
    name: "a row of due work is lost",
    file: "lib/ledger/commit.ts",
    find: "transaction.set(dueKey(at, kind, org, id), work);",
    replace: "",
  },
  {
    name: "a call of which nobody knows is sent again",
    file: "lib/calls/run_call.ts",
    find: "if (CALL_ENDS[kindOf(said)].again) said = await send();",
    replace: 'if (said.is === "unknown") said = await send();',
  },
  {
    name: "a call that may have run gives its permission back",
    file: "lib/calls/call_state.ts",
    find: 'unknown: { ...RAN, status: "unknown", told: "outcome_unknown", execution: "unknown" },',
    replace: 'unknown: { ...NOT_SENT, told: "upstream_unreachable" },',
  },
  {
    name: "a call's key is forgotten",
    file: "lib/calls/call_record.ts",
    find: "else transaction.set(key, { id, expires_at }, { expireIn: KEPT_MS });",
    replace: "",
  },
  {
    name: "a call that nobody ends is not looked after",
    file: "lib/calls/begin_call.ts",
    find: "schedule(transaction, { ...work, wakes: false });",
    replace: "",
  },
  {
    name: "what must not be sent twice is, where a connection ended",
    file: "lib/outside/guarded_fetch.ts",
    find: "if (!repeatable || signal.aborted",
    replace: "if (signal.aborted",
  },
  {
    name: "a credential that an answer repeats is not cut out",
    file: "lib/upstreams/mcp_http.ts",
    find: "if (count === 0) return message;",
    replace: "if (count >= 0) return message;",
  },
  {
    name: "a refresh takes no lease",
    file: "lib/vault/refresh.ts",
    find: "if (!await ledgers.transact(org, takeLease(id, generation, lease))) throw new Taken();",
    replace: "",
  },
  {
    name: "a refresh token that may be used up is free again",
    file: "lib/vault/refresh.ts",
    find: 'case "unknown":\n        await end(services, org, id, generation, "lost");',
    replace:
      'case "unknown":\n        await ledgers.transact(org, releaseLease(id, generation, lease));',
  },
  {
    name: "a budget is not counted in the decision's commit",
    file: "lib/mandates/spending.ts",
    find: "transaction.setShared(row, toldOf(transaction, scope, transaction.latest(row), next));",
    replace: "",
  },
  {
    name: "what is taken over is given back twice",
    file: "lib/mandates/spending.ts",
    find: "const free = before === undefined ? row : unspend(asSpent(row, before), before);",
    replace:
      "const free = before === undefined ? row : unspend(unspend(asSpent(row, before), before), before);",
  },
  {
    name: "a settlement is not remembered",
    file: "lib/mandates/settle.ts",
    find: "transaction.set(settledKey(transaction.snapshot.orgId, decision_id), row);",
    replace: "",
  },
  {
    name: "what a token held is given back although it was consumed",
    file: "lib/mandates/budget.ts",
    find: "return spend({ ...row, held }, counted.micros);",
    replace: "return { ...row, held };",
  },
  {
    name: "what a token held is never given back",
    file: "lib/mandates/budget.ts",
    find: "return { ...row, held: row.held.filter(([minute]) => minute * MINUTE_MS > at) };",
    replace: "return row;",
  },
  {
    name: "a part of a mandate does not spend what it is of",
    file: "lib/mandates/counters.ts",
    find: "...speaking.flatMap(({ record, scopes }) => ownCounters(record, scopes)),",
    replace: "...ownCounters(speaking[0].record, speaking[0].scopes),",
  },
  {
    name: "rows of mandates and budgets are held although another node wrote",
    file: "lib/ledger/guarded_rows.ts",
    find: "if (head === this.#head) return;\n    this.drop();",
    replace: "",
  },
  {
    name: "a revoked mandate is still used",
    file: "lib/mandates/narrow.ts",
    find: "if (ended !== null) return ended.state;",
    replace: "",
  },
  {
    name: "a token outlives its mandate",
    file: "lib/tokens/standing.ts",
    find: "endedMandate(token, mandate, clocks) ??",
    replace: "",
  },
  {
    name: "a mandate is good for another user",
    file: "lib/mandates/mandate.ts",
    find: "(user_id === null || record.user_id === user_id) &&",
    replace: "",
  },
  {
    name: "entries about a mandate are not counted",
    file: "lib/mandates/mandate.ts",
    find: "transaction.setShared(count, next);",
    replace: "",
  },
  {
    name: "a delivery to a webhook is lost",
    file: "lib/endpoints/delivery.ts",
    find: "schedule(transaction, { kind: `${target.kind}_delivery`, at: delivery.next_at, id });",
    replace: "",
  },
  {
    name: "a try that its process did not survive is the last",
    file: "lib/endpoints/delivery.ts",
    find: 'outcome.for_good : outcome.type !== "lost";',
    replace: "outcome.for_good : true;",
  },
  {
    name: "an event gets an id on each telling",
    file: "lib/endpoints/told.ts",
    find: "const told = { id, type: happening.type,",
    replace:
      'const told = { id: services.deps.random(4)[0]! < 200 ? id : "evt_0000", type: happening.type,',
  },
  {
    name: "the secret of before signs no more once there is another",
    file: "lib/webhooks/sending.ts",
    find: "...(isRotating && held.previous !== null ? [held.previous] : [])",
    replace: "",
  },
  {
    name: "nobody hears that something waits",
    file: "lib/alerts/hearers.ts",
    find: "return waits && progress.level === 1;",
    replace: "return false;",
  },
  {
    name: "an alert is lost",
    file: "lib/alerts/deliver.ts",
    find:
      `schedule(transaction, { kind: "alert_delivery", at: delivery.next_at, id: delivery.id });`,
    replace: "",
  },
  {
    name: "an alert that failed is not written down",
    file: "lib/alerts/deliver.ts",
    find: 'if (next.state !== "failed") return;',
    replace: "if (next !== null) return;",
  },
  {
    name: "an alert tells that something waits which is over",
    file: "lib/alerts/deliver.ts",
    find:
      'if (!stillNews(kind, record, now)) return "The request had moved on before it could be sent.";',
    replace: "",
  },
  {
    name: "an alert tells somebody of their own decision",
    file: "lib/alerts/hearers.ts",
    find: "if (request.decisions.at(-1)?.member === member.id) return false;",
    replace: "",
  },
  {
    name: "an alert goes to a browser that takes nothing any more",
    file: "lib/alerts/deliver.ts",
    find: "deleteSubscription(transaction, subscription);",
    replace: "",
  },
  {
    name: "an alert goes to whoever had a browser before",
    file: "lib/alerts/subscriptions.ts",
    find: "transaction.delete(pushSubscriptionKey(before, id));",
    replace: "",
  },
  {
    name: "an approval counts after who gave it was removed",
    file: "lib/identity/standing.ts",
    find:
      "const barred = approvals.some((said) => decisionBar(record, said, policy, now) !== null);",
    replace: "const barred = false;",
  },
  {
    name: "what waits does not see that two have to approve by now",
    file: "lib/identity/standing.ts",
    find: "if (levels === 0 || !tool?.requires_second_approval) return levels;",
    replace: "return levels;",
  },
  {
    name: "whoever asked decides",
    file: "lib/identity/deciders.ts",
    find: "if (isSeparated(record, policy) && allBehind(record, policy).has(member.id)) {",
    replace: "if (isSeparated(record, policy) && member.id === record.requester.id) {",
  },
  {
    name: "one person approves at both levels",
    file: "lib/identity/deciders.ts",
    find: "if (decidedBefore || answered) return",
    replace: "if (answered) return",
  },
  {
    name: "every approver decides at every level",
    file: "lib/identity/deciders.ts",
    find: "return member.groups.includes(level) ||",
    replace: "return true ||",
  },
  {
    name: "who was removed goes on where they were known",
    file: "lib/policy/snapshot.ts",
    find: "if (old !== null) this.#accounts.delete(old);",
    replace: "",
  },
  {
    name: "a tool that is defined otherwise stays approved",
    file: "lib/gateway/follow.ts",
    find: '...(isOpen ? { status: "draft", annotations_acknowledged: false } : {}),',
    replace: "",
  },
  {
    name: "another definition is taken than was read",
    file: "lib/catalog/tool_record.ts",
    find:
      'if (!isThere || !isIt) throw new Refusal("definition_changed", { tool_name: next.name });',
    replace: "",
  },
  {
    name: "an approval outlives the definition that it was asked for",
    file: "lib/approvals/state.ts",
    find:
      'if (definitionOf(policy, record.tool_name) !== record.definition_digest) return "tool_changed";',
    replace: "",
  },
  {
    name: "what a server withdraws stays in the catalog",
    file: "lib/gateway/refresh.ts",
    find: '(status === "approved" || status === "draft") && offered?.has(upstream.tool) !== true;',
    replace: "offered === null && status !== null && upstream !== null;",
  },
  {
    name: "a status that says nothing gives the permission back",
    file: "lib/upstreams/outcome.ts",
    find: 'return unknown("status", `It answered ${status}, which does not say whether it ran.`);',
    replace: 'return notSent("busy", `It answered ${status}.`, null);',
  },
  {
    name: "what comes behind an answer is the answer to the next request",
    file: "lib/outside/kept_connections.ts",
    find: "return this.reader.isEmpty && this.connection.isQuiet;",
    replace: "return true;",
  },
  {
    name: "an approval forgets that it was used",
    file: "lib/approvals/advance.ts",
    find: "transaction.set(approvalKey(org, id), record);",
    replace: 'if (after.state !== "used") transaction.set(approvalKey(org, id), record);',
  },
  {
    name: "a user's yes counts for another action",
    file: "lib/approvals/end.ts",
    find:
      "if (isApproved && actionDigest(transaction.snapshot.orgId, action) !== record.action_digest) {",
    replace: "if (isApproved && action.tool !== record.tool_name) {",
  },
  {
    name: "a user's yes counts under another mandate",
    file: "lib/approvals/end.ts",
    find: "if (isApproved && (mandate?.record?.id ?? null) !== (record.mandate?.id ?? null)) {",
    replace: "if (isApproved && (mandate?.record ?? null) === null && record.mandate !== null) {",
  },
  {
    name: "the application answers for a user who has a passkey",
    file: "lib/mandates/user_passkeys.ts",
    find: 'return passkeys.length > 0 || now < held_until ? "passkey" : wanted;',
    replace: "return wanted;",
  },
  {
    name: "a passkey answers that is newer than the question",
    file: "lib/mandates/user_passkeys.ts",
    find: "    registered_at < asked_at && usable_from <= now\n",
    replace: "    usable_from <= now\n",
  },
  {
    name: "a yes counts after its passkey went",
    file: "lib/mandates/user_passkeys.ts",
    find: "if (credential === null) return held_until > reader.now;",
    replace: "return credential === null && held_until > reader.now;",
  },
  {
    name: "one key answers for a user and for a member",
    file: "lib/identity/deciders.ts",
    find: "if (decidedBefore || answered) return",
    replace: "if (decidedBefore) return",
  },
  {
    name: "what waits under a mandate is not cancelled as that is revoked",
    file: "lib/granting/revoke.ts",
    find: 'schedule(transaction, { kind: "mandate_ended", at: now, id: record.id });',
    replace: "",
  },
  {
    name: "a refresh is forgotten as its process ends in the middle",
    file: "lib/vault/refresh.ts",
    find: 'await end(services, org, id, row.generation, "lost", row.lease.id);',
    replace: "return needsReconnect(settings, id);",
  },
];

const words = Deno.args;
const faults = FAULTS.filter(({ name }) =>
  words.length === 0 || words.some((word) => name.includes(word))
);
const copy = await copyProject();
try {
  Deno.exitCode = await findAll() ? 0 : 1;
} finally {
  await Deno.remove(copy, { recursive: true });
}

/** Whether each fault is found. */
async function findAll(): Promise<boolean> {
  let missed = 0;
  console.log("seeds  seconds  fault → the promise that it breaks");
  for (const fault of faults) {
    const path = copy + fault.file;
    const source = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, broken(source, { ...fault, guard: fault.name, tests: [] }));
    const begun = performance.now();
    const found = await find();
    await Deno.writeTextFile(path, source);
    const seconds = String(Math.round((performance.now() - begun) / 1000));
    const { seeds, invariant } = found ?? { seeds: "-", invariant: "not found" };
    if (found === null) missed++;
    console.log(`${seeds.padStart(5)}  ${seconds.padStart(7)}  ${fault.name} → ${invariant}`);
  }
  return missed === 0;
}

/** Runs seeds in the copy until one breaks a promise; null when none does. */
async function find(): Promise<{ seeds: string; invariant: string } | null> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "simulate", "--seeds", String(SEEDS), "--no-shrinking"],
    cwd: copy,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const text = new TextDecoder().decode(stdout);
  const found = /^seed (\d+) breaks a promise\n {2}(.+)$/m.exec(text);
  if (found !== null) return { seeds: found[1] ?? "", invariant: found[2] ?? "" };
  if (!text.includes("No promise is broken")) throw new Error(new TextDecoder().decode(stderr));
  return null;
}
