"""One request: how long it may take, and when it is sent again."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

import httpx

from ._answers import Is, Json, refusal_of
from ._errors import CountersignError, NoAnswer

_MAX_TRIES = 4
_FIRST_PAUSE_S = 0.1

#: Above what any answer holds: a result of 8 MiB in base64, and its frame.
_MAX_ANSWER_BYTES = 16 * 1024 * 1024

#: Codes that are said while, or before, nothing of the request is done.
_PASSING = frozenset({"idempotency_in_progress", "rate_limited", "overloaded", "stopping"})


class Clock:
    """Time, which a test replaces."""

    def now(self) -> float:
        """Seconds; only differences count."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Connections:
    """Those of each event loop: what one loop has begun, no other can go on with."""

    def __init__(self, transport: Optional[httpx.AsyncBaseTransport]) -> None:
        self._transport = transport
        # Made now, since it takes longer than a check may.
        self._ssl = httpx.create_ssl_context(trust_env=False)
        self._of: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}

    def here(self) -> httpx.AsyncClient:
        """Those of the loop that runs now."""
        loop = asyncio.get_running_loop()
        if loop not in self._of:
            for other in list(self._of):
                if other.is_closed():
                    self._of.pop(other, None)
            # Proxies and credentials of the environment are not asked: the key goes where it is said.
            self._of[loop] = httpx.AsyncClient(
                transport=self._transport, verify=self._ssl, trust_env=False
            )
        return self._of[loop]

    async def close(self) -> None:
        await self.here().aclose()
        self._of.pop(asyncio.get_running_loop(), None)


@dataclass(frozen=True)
class Ways:
    """Where requests go, and by what."""

    url: httpx.URL
    #: In no text that is made of this: reports of errors show what was at hand.
    key: str = field(repr=False)
    http: Connections
    clock: Clock
    random: Callable[[], float] = random.random


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    accepts: Is
    timeout_s: float
    body: Optional[dict[str, Any]] = None
    idempotency_key: Optional[str] = None


def may_pass(error: CountersignError) -> bool:
    """Whether what failed so may fare better later, as far as an error tells."""
    status = error.status or 0
    if isinstance(error, NoAnswer):
        return error.code != "bad_answer" or status >= 502
    return error.code in _PASSING or (status >= 500 and error.code != "outcome_unknown")


class _Attempt(Exception):
    """How one try failed, and whether the next may fare better."""

    def __init__(self, failure: CountersignError, passing: bool, after_s: Optional[float] = None):
        super().__init__(str(failure))
        self.failure = failure
        self.passing = passing
        self.after_s = after_s


async def exchange(ways: Ways, request: Request) -> Json:
    """Asks until there is an answer, the time is over, or asking again would be wrong.

    Only what may be repeated is: reading, and what carries an idempotency key. ``outcome_unknown``
    never is. Raises ``Refused`` for a problem document, ``NoAnswer`` for all else that is none.
    """
    deadline = ways.clock.now() + request.timeout_s
    repeatable = request.method == "GET" or request.idempotency_key is not None
    tries = 0
    while True:
        tries += 1
        try:
            return await _once(ways, request, deadline - ways.clock.now())
        except _Attempt as attempt:
            pause = attempt.after_s
            if pause is None:
                pause = _FIRST_PAUSE_S * 2 ** (tries - 1) * (1 + ways.random())
            in_time = ways.clock.now() + pause < deadline
            if not (repeatable and attempt.passing and tries < _MAX_TRIES and in_time):
                raise attempt.failure from attempt.failure.__cause__
        await ways.clock.sleep(pause)


async def _once(ways: Ways, request: Request, left_s: float) -> Json:
    try:
        status, headers, text = await asyncio.wait_for(_sent(ways, request), max(0.0, left_s))
    except (asyncio.TimeoutError, httpx.TimeoutException):
        late = NoAnswer(f"Countersign gave no answer in time at {_origin(ways)}", code="timed_out")
        raise _Attempt(late, False) from None
    except NoAnswer as failure:
        raise _Attempt(failure, False) from None
    except httpx.DecodingError:
        # It came whole, and is no want of an answer.
        message = f"What {_origin(ways)} answered cannot be read"
        raise _Attempt(NoAnswer(message, code="bad_answer"), False) from None
    except httpx.HTTPError as error:
        silent = NoAnswer(f"Countersign does not answer at {_origin(ways)}", code="unreachable")
        silent.__cause__ = error
        raise _Attempt(silent, True) from error
    return _read(ways, status, headers, text, request)


async def _sent(ways: Ways, request: Request) -> tuple[int, httpx.Headers, Optional[str]]:
    headers = {
        "accept": "application/json, application/problem+json",
        "authorization": f"Bearer {ways.key}",
    }
    content = None
    if request.body is not None:
        headers["content-type"] = "application/json"
        content = json.dumps(request.body, ensure_ascii=False, allow_nan=False).encode()
    if request.idempotency_key is not None:
        headers["idempotency-key"] = request.idempotency_key
    sending = ways.http.here().stream(
        request.method,
        ways.url.join(request.path),
        headers=headers,
        content=content,
        # Followed, the key would go wherever somebody points.
        follow_redirects=False,
        timeout=None,
    )
    async with sending as response:
        pieces = bytearray()
        async for piece in response.aiter_bytes():
            pieces += piece
            if len(pieces) > _MAX_ANSWER_BYTES:
                message = f"The answer has more than {_MAX_ANSWER_BYTES} bytes"
                raise NoAnswer(message, code="bad_answer")
        try:
            text: Optional[str] = pieces.decode("utf-8")
        except UnicodeDecodeError:
            text = None
        return response.status_code, response.headers, text


def _refused_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _read(
    ways: Ways, status: int, headers: httpx.Headers, text: Optional[str], request: Request
) -> Json:
    try:
        value = None if text is None else json.loads(text, parse_constant=_refused_constant)
    except (ValueError, RecursionError):
        value = None
    if 200 <= status < 300:
        if isinstance(value, dict) and request.accepts(value):
            return value
        raise _Attempt(_bad_answer(ways, status, request), False)
    refused = refusal_of(status, value)
    if refused is None:
        failure = _bad_answer(ways, status, request)
        raise _Attempt(failure, may_pass(failure))
    raise _Attempt(refused, may_pass(refused), _seconds(headers.get("retry-after")))


def _seconds(text: Optional[str]) -> Optional[float]:
    return float(text) if text is not None and re.fullmatch("[0-9]{1,9}", text) else None


def _bad_answer(ways: Ways, status: int, request: Request) -> NoAnswer:
    what = f"{request.method} {request.path.split('?')[0]} at {_origin(ways)}"
    message = f"What answered {what} with {status} is not Countersign"
    return NoAnswer(message, code="bad_answer", status=status)


def _origin(ways: Ways) -> str:
    return f"{ways.url.scheme}://{ways.url.netloc.decode()}"
