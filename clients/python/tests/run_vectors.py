"""Drives both clients by the vectors; prints one line of JSON for each that is not as it says."""

import asyncio
import json
import pathlib
import sys

import httpx

from countersign_sdk import AsyncCountersign, Countersign, CountersignError

VECTORS = json.loads((pathlib.Path(__file__).parents[2] / "vectors.json").read_text())


class IdleClock:
    """Time passes as soon as nothing else happens."""

    def __init__(self):
        self.time = 0.0

    def now(self):
        return self.time

    async def sleep(self, seconds):
        self.time += seconds


def response_of(answer):
    if "text" in answer:
        text = answer["text"]
    elif "problem" in answer:
        text = json.dumps(answer["problem"])
    else:
        body = {**VECTORS["answers"][answer["like"]], **answer.get("with", {})}
        text = json.dumps({k: v for k, v in body.items() if k not in answer.get("without", [])})
    return httpx.Response(answer["status"], text=text, headers=answer.get("headers", {}))


class Service(httpx.AsyncBaseTransport):
    def __init__(self, exchanges):
        self.left = list(exchanges)
        self.wrong = []

    async def handle_async_request(self, request):
        if not self.left:
            self.wrong.append(f"one request too many: {request.method} {request.url}")
            raise httpx.ConnectError("refused")
        exchange = self.left.pop(0)
        expected, answer = exchange["request"], exchange["answer"]
        path = request.url.raw_path.decode()
        body = json.loads(request.content) if request.content else None
        key = request.headers.get("idempotency-key")
        wanted = expected["idempotency_key"]
        for what, got, want in [
            ("request", f"{request.method} {path}", f"{expected['method']} {expected['path']}"),
            ("authorization", request.headers.get("authorization"), "Bearer cs_std_key"),
            ("body", body, expected.get("body")),
            ("key", key if isinstance(wanted, str) else key is not None, wanted),
        ]:
            if got != want:
                self.wrong.append(f"{what}: {got!r}, not {want!r}")
        if answer.get("fails") == "unreachable":
            raise httpx.ConnectError("connection refused")
        if answer.get("fails") == "silent":
            await asyncio.Event().wait()
        return response_of(answer)


def options_of(case, service):
    return {
        "url": "https://countersign.example",
        "key": "cs_std_key",
        "transport": service,
        "clock": IdleClock(),
        "chance": lambda: 0.0,
        # What is silent is waited for in earnest.
        "check_timeout_ms": 20 if "silent" in json.dumps(case["exchanges"]) else 1000,
        "fail_open": case.get("options", {}).get("fail_open", []),
    }


def arguments_of(case, told):
    path, first, *rest = case["call"]
    if path == "authorize":
        on_pending = lambda approval: told.append(approval["reference"])  # noqa: E731
        return path, (first,), {**rest[0], "on_pending": on_pending}
    if path == "check":
        return path, (first,), rest[0] if rest else {}
    return path, (first, *rest), {}


def method_of(client, path):
    for part in path.split("."):
        client = getattr(client, part)
    return client


def faults(case, service, told, result, error):
    wrong = list(service.wrong)
    if service.left:
        wrong.append(f"{len(service.left)} requests did not come")
    if told != case.get("pending", []):
        wrong.append(f"told {told}")
    if "error" in case:
        if error is None:
            return [*wrong, f"no error, but {result}"]
        for name, want in case["error"].items():
            got = type(error).__name__ if name == "name" else getattr(error, name)
            if got != want:
                wrong.append(f"error.{name}: {got!r}, not {want!r}")
    elif error is not None:
        wrong.append(f"{type(error).__name__} {error.code}: {error}")
    else:
        got = result if isinstance(result, dict) else vars(result)
        wrong += [
            f"{name}: {got.get(name)!r}, not {want!r}"
            for name, want in case["result"].items()
            if got.get(name) != want
        ]
    return wrong


async def in_async(case):
    service, told = Service(case["exchanges"]), []
    result = error = None
    async with AsyncCountersign(**options_of(case, service)) as client:
        path, positional, named = arguments_of(case, told)
        try:
            result = await method_of(client, path)(*positional, **named)
        except CountersignError as raised:
            error = raised
    return faults(case, service, told, result, error)


def in_sync(case):
    service, told = Service(case["exchanges"]), []
    result = error = None
    with Countersign(**options_of(case, service)) as client:
        path, positional, named = arguments_of(case, told)
        try:
            result = method_of(client, path)(*positional, **named)
        except CountersignError as raised:
            error = raised
    return faults(case, service, told, result, error)


found = 0
for case in VECTORS["cases"]:
    for way, wrong in [("async", asyncio.run(in_async(case))), ("sync", in_sync(case))]:
        if wrong:
            found += 1
            print(f"{case['name']} ({way}): {'; '.join(wrong)}")
print(f"{len(VECTORS['cases'])} cases, both ways: {found} wrong")
sys.exit(1 if found else 0)
