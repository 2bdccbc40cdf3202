"""What an answer must be before anything runs on it.

An answer that is not is taken for a refusal: a proxy's page, a cut body or another service must
never look like a yes.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Callable, Mapping, Optional

from ._errors import Refused

Json = Mapping[str, Any]
Is = Callable[[Any], bool]


def is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_text_or_none(value: Any) -> bool:
    return value is None or _is_text(value)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= 2**53 - 1


def _is_digest(value: Any) -> bool:
    return _is_text(value) and re.fullmatch(r"sha256:[0-9a-f]{64}", value) is not None


def _is_time(value: Any) -> bool:
    if not _is_text(value):
        return False
    if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value) is None:
        return False
    try:
        datetime.fromisoformat(value[:-1])
    except ValueError:
        return False
    return True


def _one_of(*names: str) -> Is:
    return lambda value: _is_text(value) and value in names


def _id_of(prefix: str) -> Is:
    return lambda value: _is_text(value) and value.startswith(prefix)


class _Absent:
    pass


_ABSENT = _Absent()


def _maybe(is_: Is) -> Is:
    return lambda value: value is _ABSENT or is_(value)


def _fits(value: Any, shape: Mapping[str, Is]) -> bool:
    return is_object(value) and all(is_(value.get(name, _ABSENT)) for name, is_ in shape.items())


_APPROVAL: Mapping[str, Is] = {
    "id": _id_of("apr_"),
    "reference": _is_text,
    "status": _one_of("pending", "approved", "denied", "expired", "cancelled", "revoked"),
    "tool_name": _is_text,
    "action_digest": _is_digest,
    "review_url": _is_text,
    "expires_at": _is_time,
}


def is_approval(value: Any) -> bool:
    """Whether something is a request for an approval."""
    return _fits(value, _APPROVAL)


_CHECK: Mapping[str, Is] = {
    "decision_id": _id_of("dec_"),
    "permission": _one_of("allowed", "requires_approval", "disabled"),
    "resolved_from": _is_text,
    "rule_id": _is_text_or_none,
    "policy_version": _is_count,
    "action_digest": _is_digest,
    "decided_at": _is_time,
    "audit": lambda value: _fits(value, {"index": _is_count, "leaf_hash": _is_text}),
    "next": is_object,
    "token": _maybe(_is_text),
    "token_id": _maybe(_id_of("rtk_")),
    "approval": _maybe(is_approval),
}


def is_check(value: Any) -> bool:
    """Whether something is the answer of a check, whole and of one piece."""
    return _fits(value, _CHECK) and ("token" in value) == ("token_id" in value)


_MINT: Mapping[str, Is] = {
    "token": _is_text,
    "token_id": _id_of("rtk_"),
    "action_digest": _is_digest,
    "expires_at": _is_time,
    "decision_id": _is_text_or_none,
}


def is_mint(value: Any) -> bool:
    """Whether something is a run token that was minted."""
    return _fits(value, _MINT)


_CLAIMS: Mapping[str, Is] = {
    "token_id": _id_of("rtk_"),
    "action_digest": _is_digest,
    "tool": _is_text,
}


def is_consumed(value: Any) -> bool:
    """Whether something says that a run token is consumed."""
    shape: Mapping[str, Is] = {
        "token_id": _id_of("rtk_"),
        "consumed_at": _is_time,
        "claims": lambda claims: _fits(claims, _CLAIMS),
    }
    return _fits(value, shape) and value["claims"]["token_id"] == value["token_id"]


def refusal_of(status: int, value: Any) -> Optional[Refused]:
    """The refusal that a problem document says; None for what is none."""
    if not is_object(value) or not _is_text(value.get("code")) or value.get("status") != status:
        return None
    code, detail, rows = value["code"], value.get("detail"), value.get("errors")
    errors = [
        {"path": row["path"], "message": row["message"]}
        for row in (rows if isinstance(rows, list) else [])
        if is_object(row) and isinstance(row.get("path"), str) and _is_text(row.get("message"))
    ]
    said = detail if _is_text(detail) else f"The service answered {status} {code}."
    for row in errors:
        # One that is alone is what the detail says already.
        if f"{row['path']} {row['message']}".strip() in said:
            continue
        said += f"; {row['path']}: {row['message']}" if row["path"] else f"; {row['message']}"
    request_id, next_ = value.get("request_id"), value.get("next")
    return Refused(
        said,
        code=code,
        status=status,
        next=next_ if is_object(next_) else None,
        request_id=request_id if _is_text(request_id) else None,
        errors=errors,
    )
