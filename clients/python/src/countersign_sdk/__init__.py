"""Asks Countersign before an agent acts: a check, a person's approval where it is risky, a token
that runs once, and a log of what became of it. Where anything breaks, the tool does not run."""

from ._async_client import AsyncCountersign
from ._authorize import Authorization
from ._client import Countersign
from ._errors import CountersignError, NoAnswer, NotGenuine, NotRun, Refused
from ._exchange import Clock
from ._receipts import verified_claims, verified_receipt
from ._webhooks import verified_event

__all__ = [
    "AsyncCountersign",
    "Authorization",
    "Clock",
    "Countersign",
    "CountersignError",
    "NoAnswer",
    "NotGenuine",
    "NotRun",
    "Refused",
    "verified_claims",
    "verified_event",
    "verified_receipt",
]
