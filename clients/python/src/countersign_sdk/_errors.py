"""What this package raises. Everything of it is a ``CountersignError`` with a stable ``code``."""

from __future__ import annotations

from typing import Any, Mapping, Optional, Sequence


class CountersignError(Exception):
    """An error about a request: the service's own codes, or those of ``NoAnswer``.

    Where ``reference`` names a request for an approval, Countersign has answered that a person has
    to approve, whatever became of what was asked afterwards.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: Optional[int] = None,
        next: Optional[Mapping[str, Any]] = None,
        reference: Optional[str] = None,
        request_id: Optional[str] = None,
        errors: Sequence[Mapping[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.next = next
        self.reference = reference
        self.request_id = request_id
        self.errors = tuple(errors)


class Refused(CountersignError):
    """The service refused the request: its answer is a problem document (RFC 9457)."""


class NoAnswer(CountersignError):
    """There is no answer of Countersign to go by.

    ``unreachable``: no connection, or one that broke. ``timed_out``: no whole answer within the
    time. After both, what was asked may have been done. ``bad_answer``: something answered, but not
    as Countersign does; taken for a refusal.
    """


_AGAIN = (
    "Tell the user that it waits for a person. Once it is approved, make this call again, with the "
    "same arguments."
)
_LATER = "Tell the user. The same call may be made again later."
_NEVER = (
    "Tell the user. Do not make this call again as it is, and do not try to reach the same end in "
    "another way."
)
_ADVICE = {
    "pending": _AGAIN,
    "unreachable": _LATER,
    "timed_out": _LATER,
    "bad_answer": _LATER,
    "guard_failed": _LATER,
    "rate_limited": _LATER,
    "overloaded": _LATER,
    "expired": _LATER,
}


class NotRun(CountersignError):
    """The tool was not run: ``denied``, ``pending``, ``disabled``, or the code of an error.

    ``guard_failed``: what asks broke itself, or was given what is not JSON.
    """

    def told(self) -> dict[str, Any]:
        """What a model is told in place of the tool's result, as JSON."""
        return {
            "ran": False,
            "code": self.code,
            "message": str(self),
            "reference": self.reference,
            "next": None if self.next is None else dict(self.next),
            "what_to_do": _ADVICE.get(self.code, _NEVER),
        }


class NotGenuine(CountersignError):
    """A receipt or a webhook is not what it says it is. Nothing of it may be believed."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="not_genuine")
