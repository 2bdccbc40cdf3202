"""Receipts: of the log, and signed ones."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Iterable, Optional

from ._answers import Json, is_object
from ._errors import NotGenuine
from ._proof import (
    from_base64,
    from_hex,
    leaf_hash,
    open_checkpoint,
    root_from_inclusion,
    signed_by,
)


def verified_receipt(receipt: Any, keys: Optional[Json] = None) -> Json:
    """Checks a receipt by itself: the entry has the leaf's hash, the leaf is at its place in a tree,
    and the log's key signed that tree. ``keys`` are those that are trusted; without them the
    receipt's own, which shows one piece only. Raises ``NotGenuine``."""
    if not is_object(receipt) or receipt.get("v", 1) != 1 or isinstance(receipt.get("v"), bool):
        raise NotGenuine("The receipt is of another version than this verifier knows")
    entry, own, path = receipt.get("entry"), receipt.get("key"), receipt.get("inclusion")
    index, size, note = receipt.get("index"), receipt.get("size"), receipt.get("checkpoint")
    whole = (
        is_object(entry)
        and is_object(own)
        and type(index) is int
        and type(size) is int
        and isinstance(note, str)
        and isinstance(path, list)
        and isinstance(own.get("x"), str)
    )
    if not whole:
        raise NotGenuine("The receipt lacks a part: entry, index, size, proof, checkpoint or key")
    key = _trusted(own, keys)
    leaf = leaf_hash(entry)
    if leaf.hex() != receipt.get("leaf_hash"):
        raise NotGenuine("The entry does not have the leaf's hash")
    if entry.get("index") != index:
        raise NotGenuine("The entry has another place than is said")
    origin, signed_size, root = open_checkpoint(note, from_base64(key["x"]))
    if signed_size != size:
        raise NotGenuine("The checkpoint is of another tree")
    retired = key.get("retired_size")
    if keys is not None and type(retired) is int and size > retired:
        raise NotGenuine("The key had been replaced before it signed that tree")
    if root_from_inclusion(index, size, leaf, [from_hex(hash_) for hash_ in path]) != root:
        raise NotGenuine("The entry is not in that tree")
    return {
        "entry": entry,
        "index": index,
        "size": size,
        "origin": origin,
        "kid": key.get("kid"),
        "trusted": keys is not None,
    }


def _trusted(own: Json, keys: Optional[Json]) -> Json:
    if keys is None:
        return own
    known: Iterable[Json] = keys["keys"]
    for key in known:
        if key["x"] == own["x"]:
            return key
    raise NotGenuine("The receipt's key is none of those trusted")


def organization_of(jws: Any) -> str:
    """Whose a signed receipt says it is: not believed, but where its keys are to be had."""
    claims = _json(jws.get("payload")) if is_object(jws) else {}
    org = claims.get("workspace_id")
    if not isinstance(org, str):
        raise NotGenuine("The receipt names no organization")
    return org


def verified_claims(jws: Any, keys: Json) -> Json:
    """Claims of a signed receipt (``rcp_…``), shown to be signed in time by a known key."""
    parts = ("protected", "payload", "signature")
    if not is_object(jws) or set(jws) != set(parts):
        raise NotGenuine("A signed receipt is {protected, payload, signature}")
    header, payload, signature = (jws[part] for part in parts)
    head = _json(header)
    if head.get("alg") != "EdDSA" or head.get("typ") != "allowly-receipt+jws":
        raise NotGenuine("It is signed in another way than receipts are")
    claims = _json(payload)
    known = [key for key in keys["keys"] if key["key_id"] == head.get("kid")]
    if not known:
        raise NotGenuine("The receipt's key is none of those trusted")
    if claims.get("workspace_id") != keys["workspace_id"]:
        raise NotGenuine("The receipt is of another organization")
    key = known[0]
    at = _time(claims.get("issued_at"))
    until = key.get("active_until")
    if at < _time(key["active_from"]) or (until is not None and at >= _time(until)):
        raise NotGenuine("The key did not count when the receipt says it was issued")
    signed = f"{header}.{payload}".encode()
    if not signed_by(from_base64(key["public_key"]), from_base64(signature), signed):
        raise NotGenuine("The signature is not that key's")
    return claims


def _time(text: Any) -> datetime:
    try:
        return datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        raise NotGenuine("A time cannot be read") from None


def _json(part: Any) -> dict[str, Any]:
    try:
        value = json.loads(from_base64(part).decode())
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise NotGenuine("A part of the receipt cannot be read")
    return value
