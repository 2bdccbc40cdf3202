"""What programs do with the client that was not thought of; prints what is wrong."""

import asyncio
import base64
import decimal
import hashlib
import hmac
import json
import os
import pathlib
import sys
import threading
import warnings
from concurrent.futures import Future
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from countersign_sdk import AsyncCountersign, Countersign, CountersignError, NotRun, verified_event

ANSWERS = json.loads((pathlib.Path(__file__).parents[2] / "vectors.json").read_text())["answers"]
KEY = "cs_agent_secret"
#: Computers that tests run on may have much else to do.
PATIENT = {"check_timeout_ms": 30_000, "timeout_ms": 30_000}
wrong = []


def check(holds, what):
    if not holds:
        wrong.append(what)


def raised(kind, doing):
    try:
        doing()
    except kind as error:
        return str(error)
    return None


#: Answers that came whole, and are no text.
UNREADABLE = {"letters": ("identity", b"{\xff\xfe}"), "packed": ("gzip", b"no gzip")}


class Service(BaseHTTPRequestHandler):
    """Lets ``refund`` pass, and has a person asked for ``payout``, who has approved it."""

    protocol_version = "HTTP/1.1"
    logged = []

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.say({**ANSWERS["approval"], "status": "approved"})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path.endswith("/check") and body["tool_name"] in UNREADABLE:
            coding, data = UNREADABLE[body["tool_name"]]
            return self.send(data, coding)
        if self.path.endswith("/check"):
            asked = {"permission": "requires_approval", "approval": ANSWERS["approval"]}
            passing = {"token": "cs_run_secret", "token_id": "rtk_01"}
            return self.say({**ANSWERS["allowed"], **(passing, asked)[body["tool_name"] == "payout"]})
        if self.path.endswith("/log"):
            self.logged.append(body)
        names = {"mint": "minted", "consume": "consumed", "log": "logged"}
        self.say(ANSWERS[names[self.path.rpartition("/")[2]]])

    def say(self, body):
        self.send(json.dumps(body).encode(), "identity")

    def send(self, data, coding):
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.send_header("content-encoding", coding)
        self.end_headers()
        self.wfile.write(data)


server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
URL = f"http://127.0.0.1:{server.server_port}"


def client_of(**options):
    return Countersign(**{"url": URL, "key": KEY, **PATIENT, **options})


def a_client_outlives_its_process():
    client = client_of()
    check(client.check({"tool_name": "refund"})["permission"] == "allowed", "before the fork")
    # Python itself warns of it since 3.12, and servers do so all the same.
    warnings.simplefilter("ignore", DeprecationWarning)
    child = os.fork()
    if child == 0:
        # Where the child waits for a thread that only its parent has, this ends it.
        threading.Timer(60, os._exit, [1]).start()
        verdict = client.check({"tool_name": "refund"})["permission"]
        os._exit(0 if verdict == "allowed" else 1)
    check(os.waitpid(child, 0)[1] == 0, "a forked process hangs, or gets no answer")
    check(client.check({"tool_name": "refund"})["permission"] == "allowed", "after the fork")


def one_client_in_many_loops():
    client = AsyncCountersign(url=URL, key=KEY, **PATIENT)
    for turn in range(3):
        verdict = asyncio.run(client.check({"tool_name": "refund"}))
        check(verdict["permission"] == "allowed" and not verdict["is_fallback"], f"loop {turn}")


def bodies_of_either_kind():
    ran = []

    async def pays(amount):
        ran.append(amount)
        return "paid"

    client = AsyncCountersign(url=URL, key=KEY, **PATIENT)
    plain = client.guard("refund", lambda amount: ran.append(amount) or "paid")
    for guarded in [plain, client.guard("refund", pays)]:
        check(asyncio.run(guarded(amount=5)) == "paid", "a body of either kind")
    check(ran == [5, 5], f"ran {ran}")
    said = raised(TypeError, lambda: client_of().guard("refund", pays))
    check(said is not None and "AsyncCountersign" in said, f"an asynchronous body: {said}")


def who_is_told_may_ask():
    told = []
    client = client_of()

    def asks(approval):
        told.append(client.approvals.get(approval["id"])["status"])

    async def tells(approval):
        await asyncio.sleep(0)
        told.append(approval["status"])

    def fails(_):
        raise RuntimeError("a secret of the caller")

    for on_pending in [asks, tells]:
        guarded = client.guard("payout", lambda: "paid", on_pending=on_pending, wait=float("inf"))
        got = Future()
        # In a thread, so that one that waits for itself is found rather than waited for.
        threading.Thread(target=lambda: got.set_result(guarded()), daemon=True).start()
        check(got.result(60) == "paid", "told of a request")

    async def asynchronously():
        other = AsyncCountersign(url=URL, key=KEY, **PATIENT)
        return await other.guard("payout", lambda: "paid", on_pending=tells)()

    check(asyncio.run(asynchronously()) == "paid", "told asynchronously")
    check(told == ["approved", "pending", "pending"], f"told {told}")
    guarded = client.guard("payout", lambda: wrong.append("ran"), on_pending=fails)
    said = raised(NotRun, guarded)
    check(said is not None and "secret" not in said, f"telling failed: {said}")


def a_tool_that_ran_gives_its_result():
    def throws(_):
        raise AttributeError("no such member")

    client = client_of()
    Service.logged.clear()
    for cost in [throws, lambda _: decimal.Decimal(3), lambda _: float("nan")]:
        check(client.guard("refund", lambda: "paid", cost=cost)() == "paid", "a broken cost")
    check(all("cost_micros" not in body for body in Service.logged), f"{Service.logged}")
    check(len(Service.logged) == 3, f"{len(Service.logged)} runs were logged")


def what_is_missing_is_said():
    for name, value, word in [
        ("url", None, "COUNTERSIGN_URL"),
        ("url", "", "COUNTERSIGN_URL"),
        ("key", None, "COUNTERSIGN_KEY"),
        ("check_timeout_ms", float("nan"), "check_timeout_ms"),
        ("timeout_ms", 0, "timeout_ms"),
        ("timeout_ms", None, "timeout_ms"),
    ]:
        said = raised(ValueError, lambda: client_of(**{name: value}))
        check(said is not None and word in said, f"{name}={value}: {said}")
    for url in ["localhost:8000", "countersign.example", "ann:password@example.com"]:
        said = raised(ValueError, lambda: client_of(url=url))
        check(said is not None and "https://" in said and "password" not in said, f"{url}: {said}")
    said = raised(ValueError, lambda: client_of(key=f"{KEY}\n"))
    check(said is not None and KEY not in said, f"a key with a line in it: {said}")
    client = client_of()
    held = [client, client._client, client._client.ways, vars(client._client)]
    check(all(KEY not in repr(it) for it in held), "a key is printed")
    check(raised(NotRun, client.guard("refund", lambda: 1, wait=float("nan"))), "no time to wait")


def an_answer_that_is_no_text_is_none():
    for tool in UNREADABLE:
        try:
            client_of(fail_open=[tool]).check({"tool_name": tool})
            wrong.append(f"{tool}: failed open")
        except CountersignError as error:
            check(error.code == "bad_answer", f"{tool}: {error.code}")


def a_secret_that_is_none_verifies_nothing():
    body = b'{"type":"approval.created","timestamp":"2026-03-01T10:00:00.000Z","data":{}}'
    for secret, key in [("", b""), ("whsec_", b""), ("whsec_AAAA", b"\0\0\0"), (None, b"")]:
        digest = hmac.new(key, b"evt_01.1772359200." + body, hashlib.sha256).digest()
        headers = {
            "webhook-id": "evt_01",
            "webhook-timestamp": "1772359200",
            "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
        }
        said = raised(ValueError, lambda: verified_event(secret, headers, body, 1772359200))
        check(said is not None, f"a webhook by the secret {secret!r}")


a_client_outlives_its_process()
one_client_in_many_loops()
bodies_of_either_kind()
who_is_told_may_ask()
a_tool_that_ran_gives_its_result()
what_is_missing_is_said()
an_answer_that_is_no_text_is_none()
a_secret_that_is_none_verifies_nothing()
print("\n".join(wrong) or "all hold")
sys.exit(1 if wrong else 0)
