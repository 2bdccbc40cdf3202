"""Seeking a token for one run of an action."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass
from typing import Any, Awaitable, Callable, Mapping, Optional, TYPE_CHECKING, Union
from urllib.parse import quote

from ._answers import Json, is_approval, is_check, is_mint
from ._errors import CountersignError, NotRun
from ._exchange import may_pass

if TYPE_CHECKING:
    from ._async_client import AsyncCountersign

#: How long a person has to answer, seconds, where nothing else is said.
DEFAULT_WAIT_S = 300

#: The longest that the service holds one answer.
_HELD_S = 50

#: Told of the request, once. What it gives is awaited where it can be.
OnPending = Callable[[Json], Union[None, Awaitable[None]]]


@dataclass(frozen=True)
class Authorization:
    """Whether one run of an action is authorized, and by what.

    ``allowed`` with ``is_fallback`` is a tool that was said beforehand to run unasked: it has no
    token. Not ``allowed``: ``code`` is ``disabled``, ``pending``, ``denied``, ``expired``,
    ``cancelled``, ``revoked`` or ``no_token``, and ``message`` is one line for a model or a person.
    """

    allowed: bool
    is_fallback: bool = False
    token: Optional[str] = None
    token_id: Optional[str] = None
    decision_id: Optional[str] = None
    approval: Optional[Json] = None
    code: Optional[str] = None
    message: Optional[str] = None
    reference: Optional[str] = None
    review_url: Optional[str] = None
    #: The page for the user of its mandate, where they are asked and this key may show it.
    confirm_url: Optional[str] = None
    next: Optional[Mapping[str, Any]] = None


async def authorize(
    client: "AsyncCountersign",
    action: Mapping[str, Any],
    asking: Mapping[str, Any],
    *,
    wait: float,
    on_pending: Optional[OnPending],
) -> Authorization:
    """Checks, asks where a person is needed, waits for them and mints.

    Calling again with the same action goes on where it was left.
    """
    if math.isnan(wait):
        raise ValueError("wait must be seconds: 0 waits for nobody")
    end = client.ways.clock.now() + wait
    body = {**action, **asking, "mint": True, "request": True}
    asked = await client.post("/v1/permissions/check", body, is_check, once=True)
    approval = asked.get("approval")
    if "token" in asked:
        # What was approved meanwhile is minted there and then.
        return _authorized(asked, asked, approval)
    if approval is None:
        return _not_authorized(asked, None)
    await _told(on_pending, approval)
    try:
        return await _decided(client, action, asked, approval, end)
    except CountersignError as error:
        # It was answered that a person has to approve: want of an answer is no yes from here on.
        error.reference = error.reference or approval["reference"]
        raise


#: How long before a service that did not answer is asked again: one that restarts is back soon.
_PATIENCE_S = 5.0


async def _until_decided(client: "AsyncCountersign", approval: Json, end: float) -> Json:
    """A request once it is decided, or as it is at a time of the clock's.

    That the service is away meanwhile, to restart for one, ends no waiting: people decide once it is
    back. Raises for a refusal, and for want of an answer at the end.
    """
    clock = client.ways.clock
    lost: Optional[CountersignError] = None
    while approval["status"] == "pending":
        seconds = math.floor(min(_HELD_S, end - clock.now()))
        if seconds < 1:
            if lost is not None:
                raise lost
            break
        path = f"/v1/approvals/{quote(approval['id'], safe='')}?wait={seconds}"
        try:
            approval = await client.get(path, is_approval, held_seconds=seconds)
            lost = None
        except CountersignError as error:
            if not may_pass(error):
                raise
            lost = error
            await clock.sleep(max(0.0, min(_PATIENCE_S, end - clock.now())))
    return approval


async def _told(on_pending: Optional[OnPending], approval: Json) -> None:
    if approval["status"] == "pending" and on_pending is not None:
        said = on_pending(approval)
        if inspect.isawaitable(said):
            await said


async def _decided(
    client: "AsyncCountersign", action: Mapping[str, Any], asked: Json, approval: Json, end: float
) -> Authorization:
    approval = await _until_decided(client, approval, end)
    if approval["status"] != "approved":
        return _not_authorized(asked, approval)
    minting = {**action, "approval_id": approval["id"]}
    minted = await client.post("/v1/tokens/mint", minting, is_mint, once=True)
    return _authorized(asked, minted, approval)


async def sound(
    client: "AsyncCountersign",
    action: Mapping[str, Any],
    asking: Mapping[str, Any],
    on_pending: Optional[OnPending],
) -> Optional[Authorization]:
    """What stands in the way of an action, or None: then ``authorize`` would give a token.

    Asks a person where one is needed and was not asked yet, waits for nobody and mints nothing.
    """
    asked = await client.post("/v1/permissions/check", action, is_check)
    permission, next_ = asked["permission"], asked["next"]
    if permission == "allowed" or (permission != "disabled" and "approval_id" in next_):
        return None
    if permission == "disabled" or "retry_after_seconds" in next_:
        return _not_authorized(asked, None)
    # Asked again while it is pending, it is the same request.
    body = {**action, **asking, "request": True}
    after = await client.post("/v1/permissions/check", body, is_check, once=True)
    if after["permission"] == "allowed":
        return None
    approval = after.get("approval")
    if approval is not None:
        await _told(on_pending, approval)
    return _not_authorized(after, approval)


def _authorized(asked: Json, minted: Json, approval: Optional[Json]) -> Authorization:
    return Authorization(
        allowed=True,
        token=minted["token"],
        token_id=minted["token_id"],
        decision_id=asked["decision_id"],
        approval=approval,
    )


_SAID = {
    "pending": "waits for a person",
    "denied": "was denied",
    "expired": "was not answered in time",
    "cancelled": "was cancelled",
    "revoked": "was revoked",
    "approved": "was approved, and has been used",
}


def _not_authorized(asked: Json, approval: Optional[Json]) -> Authorization:
    next_, confirm_url = asked["next"], asked.get("url")
    if approval is not None:
        reference, status = approval["reference"], approval["status"]
        more = approval["review_url"] if status == "pending" else _note(approval)
        message = f"{reference} {_SAID[status]}" + (f": {more}" if more else "")
        return Authorization(
            allowed=False,
            code=status,
            message=message,
            reference=reference,
            review_url=approval["review_url"],
            confirm_url=confirm_url,
            next=next_,
        )
    permission, why = asked["permission"], asked["resolved_from"]
    if permission == "requires_approval" and "retry_after_seconds" in next_:
        seconds = next_["retry_after_seconds"]
        message = f"It was denied, and may be asked again in {seconds} seconds"
        return Authorization(allowed=False, code="recently_denied", message=message, next=next_)
    if permission == "disabled":
        message = f"It is not allowed ({why})"
        return Authorization(allowed=False, code="disabled", message=message, next=next_)
    message = f"It is {permission} ({why}), without a token"
    return Authorization(
        allowed=False, code="no_token", message=message, confirm_url=confirm_url, next=next_
    )


def _note(approval: Json) -> str:
    decisions = approval.get("decisions")
    for row in reversed(decisions if isinstance(decisions, list) else []):
        if isinstance(row, dict) and row.get("decision") == "deny":
            note = row.get("note")
            return " ".join(note.split()) if isinstance(note, str) else ""
    return ""


def not_run(tool: str, answer: Authorization) -> NotRun:
    """The error of a tool that was not run."""
    return NotRun(
        f"{tool} did not run: {answer.message}",
        code=answer.code or "no_token",
        reference=answer.reference,
        next=answer.next,
    )
