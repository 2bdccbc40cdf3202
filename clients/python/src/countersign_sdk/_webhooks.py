"""Webhooks (Standard Webhooks)."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from typing import Any, Mapping, Optional, Union

from ._answers import Json, is_object
from ._errors import NotGenuine
from ._proof import from_base64

_TOLERANCE_S = 300


def verified_event(
    secret: str,
    headers: Mapping[str, str],
    body: Union[str, bytes],
    now: Optional[float] = None,
) -> Json:
    """The event of a webhook's request: signed by this secret, over these very bytes, within five
    minutes of now. ``body`` is what came, before any parsing. Raises ``NotGenuine``, and
    ``ValueError`` for what is no secret, which anybody could sign by."""
    key = _secret_of(secret)
    named = {name.lower(): value for name, value in headers.items()}
    id_, timestamp = named.get("webhook-id", ""), named.get("webhook-timestamp", "")
    if not id_ or re.fullmatch(r"[0-9]{1,12}", timestamp) is None:
        raise NotGenuine("The request has no webhook-id or webhook-timestamp")
    if abs((time.time() if now is None else now) - int(timestamp)) > _TOLERANCE_S:
        raise NotGenuine("The request is more than five minutes old, or ahead")
    data = body.encode() if isinstance(body, str) else bytes(body)
    expected = hmac.new(key, f"{id_}.{timestamp}.".encode() + data, hashlib.sha256).digest()
    for signature in named.get("webhook-signature", "").split(" "):
        version, _, value = signature.partition(",")
        if version != "v1" or re.fullmatch(r"[A-Za-z0-9+/]{43}=", value) is None:
            continue
        if hmac.compare_digest(from_base64(value), expected):
            return _event(id_, data)
    raise NotGenuine("The request is not signed by this secret")


#: The least that Standard Webhooks lets a secret have, bytes.
_LEAST_SECRET = 24


def _secret_of(secret: str) -> bytes:
    key = from_base64(secret[6:] if secret.startswith("whsec_") else secret) if secret else b""
    if len(key) < _LEAST_SECRET:
        raise ValueError("The secret of the webhook is missing or cut: whsec_… as it was shown")
    return key


def _event(id_: str, data: bytes) -> Json:
    event: Any = json.loads(data)
    whole = (
        is_object(event)
        and is_object(event.get("data"))
        and isinstance(event.get("type"), str)
        and isinstance(event.get("timestamp"), str)
    )
    if not whole:
        raise NotGenuine("The event lacks type, timestamp or data")
    return {"id": id_, **event}
