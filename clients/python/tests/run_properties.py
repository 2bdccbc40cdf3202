"""What no answer may do, and what proofs are made of; reads cases as JSON, prints what is wrong."""

import asyncio
import json
import pathlib
import random
import sys

import httpx

from countersign_sdk import (
    AsyncCountersign,
    Clock,
    Countersign,
    CountersignError,
    NotGenuine,
    NotRun,
    verified_claims,
    verified_event,
    verified_receipt,
)
from countersign_sdk._proof import canonical_json

VECTORS = json.loads((pathlib.Path(__file__).parents[2] / "vectors.json").read_text())
ALLOWED = VECTORS["answers"]["allowed"]
ACTION = {"tool_name": "refund", "arguments": {"amount": 5}}
chance = random.Random(1)
wrong = []


def check(holds, what):
    if not holds:
        wrong.append(what)


def genuine(verify, *args):
    try:
        verify(*args)
    except NotGenuine:
        return False
    return True


class NoWaiting(Clock):
    async def sleep(self, seconds):
        pass


class Answering(httpx.AsyncBaseTransport):
    answers = ()

    async def handle_async_request(self, request):
        (status, text), *self.answers = self.answers or [(503, "{}")]
        return httpx.Response(status, text=text)


def client_of(transport, **options):
    url = "https://countersign.example"
    return AsyncCountersign(url=url, key="k", transport=transport, **options)


NEEDED = [name for name in ALLOWED if name != "tool"]
OTHER = [0, -1, 0.5, True, [], {}, "", "allow", "ALLOWED", "granted", ["allowed"]]
#: What these members may be, too.
FITS = {
    "next": lambda value: value == {} and isinstance(value, dict),
    "policy_version": lambda value: type(value) is int and value == 0,
    "resolved_from": lambda value: isinstance(value, str) and value != "",
    "rule_id": lambda value: isinstance(value, str) and value != "",
}


def mutated():
    whole = json.dumps(ALLOWED)
    kind = chance.randrange(3)
    if kind == 0:
        return whole[: chance.randrange(len(whole))]
    if kind == 1:
        return chance.choice([f"[{whole}]", f"<p>{whole}</p>", f'{{"data":{whole}}}'])
    while True:
        name, value = chance.choice(NEEDED), chance.choice(OTHER)
        if not FITS.get(name, lambda _: False)(value):
            break
    body = {**ALLOWED, name: value}
    if chance.random() < 0.2:
        del body[name]
    return json.dumps(body)


async def no_mutated_answer_is_a_yes(count):
    transport = Answering()
    client = client_of(transport, fail_open=["refund"])
    for _ in range(count):
        text = mutated()
        transport.answers = [(200, text)]
        try:
            got = await client.check(ACTION)
            wrong.append(f"{text} was {got}")
        except CountersignError as error:
            check(error.code == "bad_answer", f"{text} was {error.code}")


async def no_body_is_reached(count):
    transport, ran = Answering(), []

    async def run(amount):
        ran.append(amount)

    guarded = client_of(transport, clock=NoWaiting()).guard("refund", run)
    statuses = [200, 201, 301, 400, 401, 403, 409, 429, 500, 502, 504]
    for _ in range(count):
        answers = [(chance.choice(statuses), mutated()) for _ in range(chance.randrange(4))]
        transport.answers = answers
        try:
            await guarded(amount=5)
            wrong.append(f"ran on {answers}")
        except NotRun:
            pass
        check(ran == [], f"ran on {answers}")


async def a_guard_that_breaks_is_a_refusal():
    ran = []

    async def run(**arguments):
        ran.append(arguments)

    def breaks(*_, **__):
        raise TypeError("a secret of the caller")

    def of(**how):
        return client_of(Answering()).guard("refund", run, **how)

    broken = client_of(Answering())
    broken.authorize = breaks
    for guarded, arguments in [
        (broken.guard("refund", run), {"amount": 5}),
        (of(facts=breaks), {"amount": 5}),
        (of(reason=breaks), {"amount": 5}),
        (of(), {"amount": float("nan")}),
        (of(), {"amount": object()}),
    ]:
        try:
            await guarded(**arguments)
            wrong.append("ran although its guard broke")
        except NotRun as error:
            told = error.told()
            check(told["code"] == "guard_failed" and not told["ran"], f"broken: {told}")
            check("secret" not in json.dumps(told), f"broken: {told}")
    check(ran == [], f"ran on {ran}")


async def a_server_that_drips_is_late():
    async def drip(_reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n")
        try:
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = AsyncCountersign(url=f"http://127.0.0.1:{port}", key="k", check_timeout_ms=200)
    got = await client.check(ACTION)
    check(got["is_fallback"] and got["code"] == "timed_out", f"dripped: {got}")
    server.close()


def guarded_runs(given):
    runs = []

    def run(amount):
        runs.append(amount)
        return f"refunded {amount}"

    with Countersign(url=given["url"], key=given["key"]) as client:
        guarded = client.guard("guarded_refund", run, reason="Order 17 came back", cost=lambda _: 7)
        check(guarded(amount=5) == "refunded 5", "the guarded tool")
        check(runs == [5], f"ran {runs}")
        denied = client.guard("wipe_all", run)
        try:
            denied(amount=5)
            wrong.append("a disabled tool ran")
        except NotRun as error:
            check(error.code == "disabled", f"disabled: {error.code}")
        for id_ in given["signed"]:
            check(client.receipts.signed(id_)["claims"]["receipt_id"] == id_, id_)
        for id_ in given["receipts"]:
            check(client.receipts.get(id_, given["keys"])["trusted"], id_)


def receipts_are_of_one_piece(given):
    receipt, keys = given["receipt"], given["keys"]
    check(genuine(verified_receipt, receipt, keys), "the receipt")
    for name in ["entry", "index", "size", "leaf_hash", "inclusion", "checkpoint", "v"]:
        for value in [None, 0, "x", [], {}, True]:
            check(not genuine(verified_receipt, {**receipt, name: value}, keys), f"{name} {value}")
    for name in receipt["entry"]:
        entry = {**receipt["entry"], name: "x"}
        check(not genuine(verified_receipt, {**receipt, "entry": entry}, keys), f"entry.{name}")
    check(not genuine(verified_receipt, receipt, {"keys": []}), "no key is trusted")
    jws, known = given["jws"], given["receipt_keys"]
    check(genuine(verified_claims, jws, known), "the signed receipt")
    for part in jws:
        for _ in range(50):
            place = chance.randrange(len(jws[part]) - 1)
            other = chance.choice("AZaz09-_")
            if other == jws[part][place]:
                continue
            text = jws[part][:place] + other + jws[part][place + 1 :]
            check(not genuine(verified_claims, {**jws, part: text}, known), f"{part} at {place}")


def webhooks_are_ours(given):
    secret, headers, body, now = (given[name] for name in ["secret", "headers", "body", "now"])
    event = verified_event(secret, headers, body, now)
    check(event["id"] == headers["webhook-id"], "the event")
    for case in [
        (secret, headers, body + " ", now),
        (secret, headers, body, now + 301),
        (secret, headers, body, now - 301),
        (secret, {**headers, "webhook-id": "evt_02"}, body, now),
        (secret, {**headers, "webhook-signature": ""}, body, now),
        (secret, {}, body, now),
    ]:
        check(not genuine(verified_event, *case), f"webhook {case}")


given = json.load(sys.stdin)
for value, text in given["canonical"]:
    check(canonical_json(value) == text, f"canonical {text}: {canonical_json(value)}")
asyncio.run(no_mutated_answer_is_a_yes(10_000))
asyncio.run(no_body_is_reached(300))
asyncio.run(a_guard_that_breaks_is_a_refusal())
asyncio.run(a_server_that_drips_is_late())
guarded_runs(given)
receipts_are_of_one_piece(given)
webhooks_are_ours(given["webhook"])
print("\n".join(wrong) or "all hold")
sys.exit(1 if wrong else 0)
