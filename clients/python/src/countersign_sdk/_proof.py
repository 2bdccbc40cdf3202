"""The arithmetic of proofs, made from what is published: RFC 8785 for bytes of JSON, RFC 9162 for
the tree, C2SP signed notes for checkpoints. Shares nothing with the service that it judges."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from typing import Any, Sequence

from ._errors import NotGenuine


def from_hex(text: Any) -> bytes:
    if not isinstance(text, str) or re.fullmatch(r"([0-9a-f]{2})*", text) is None:
        raise NotGenuine("A hash is not written in hex")
    return bytes.fromhex(text)


def from_base64(text: Any) -> bytes:
    """Of Base64, or of Base64url without padding."""
    if not isinstance(text, str) or re.fullmatch(r"[A-Za-z0-9+/_-]*={0,2}", text) is None:
        raise NotGenuine("A value is not Base64")
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    if len(plain) % 4 == 1:
        raise NotGenuine("A value is not Base64")
    return base64.b64decode(plain + "=" * (-len(plain) % 4))


def canonical_json(value: Any) -> str:
    """The one text of a JSON value (RFC 8785): members by UTF-16 unit, numbers as ECMAScript's."""
    if isinstance(value, dict):
        rows = sorted(value.items(), key=lambda row: row[0].encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(f"{_text(name)}:{canonical_json(of)}" for name, of in rows) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical_json, value)) + "]"
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int):
        return str(value) if abs(value) < 2**53 else _number(float(value))
    if isinstance(value, float) and math.isfinite(value):
        return _number(value)
    raise NotGenuine("A value has no canonical form")


_SHORT = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}


def _text(value: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise NotGenuine("A value has no canonical form")
    parts = (
        _SHORT.get(ord(character)) or (f"\\u{ord(character):04x}" if character < " " else character)
        for character in value
    )
    return '"' + "".join(parts) + '"'


def _number(value: float) -> str:
    """ECMAScript's Number::toString, which RFC 8785 section 3.2.2.3 asks for."""
    if value == 0:
        return "0"
    digits, _, exponent = f"{value!r}".partition("e")
    sign = "-" if digits.startswith("-") else ""
    whole, _, fraction = digits.lstrip("-").partition(".")
    fraction = "" if fraction == "0" else fraction
    figures = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len((whole + fraction).lstrip("0")))
    figures = figures.rstrip("0")
    count = len(figures)
    if count <= point <= 21:
        return sign + figures + "0" * (point - count)
    if 0 < point <= 21:
        return f"{sign}{figures[:point]}.{figures[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{figures}"
    power = point - 1
    mark = f"e{'+' if power > 0 else '-'}{abs(power)}"
    return sign + (figures if count == 1 else f"{figures[0]}.{figures[1:]}") + mark


def leaf_hash(entry: Any) -> bytes:
    """Hash of a log's leaf: SHA-256(0x00 || JCS(entry))."""
    return hashlib.sha256(b"\x00" + canonical_json(entry).encode()).digest()


def root_from_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes]) -> bytes:
    """The root that a leaf and its path lead to (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size:
        raise NotGenuine("The entry lies outside of the tree")
    place, last, root = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise NotGenuine("The path of the proof is too long")
        if place % 2 == 1 or place == last:
            root = hashlib.sha256(b"\x01" + sibling + root).digest()
            while place % 2 == 0 and place != 0:
                place, last = place // 2, last // 2
        else:
            root = hashlib.sha256(b"\x01" + root + sibling).digest()
        place, last = place // 2, last // 2
    if last != 0:
        raise NotGenuine("The path of the proof is too short")
    return root


def open_checkpoint(note: str, public_key: bytes) -> tuple[str, int, bytes]:
    """Origin, size and root of a checkpoint (C2SP tlog-checkpoint) that this key signed."""
    body, gap, signatures = note.partition("\n\n")
    lines = body.split("\n")
    if not gap or len(lines) < 3 or re.fullmatch(r"0|[1-9][0-9]{0,15}", lines[1]) is None:
        raise NotGenuine("The checkpoint cannot be read")
    origin, signed = lines[0], (body + "\n").encode()
    key_hash = hashlib.sha256(f"{origin}\n".encode() + b"\x01" + public_key).digest()[:4]
    for line in signatures.split("\n"):
        match = re.fullmatch("\u2014 ([^ ]+) ([A-Za-z0-9+/]+={0,2})", line)
        if match is None or match[1] != origin:
            continue
        value = from_base64(match[2])
        if len(value) == 68 and value[:4] == key_hash and signed_by(public_key, value[4:], signed):
            return origin, int(lines[1]), from_base64(lines[2])
    raise NotGenuine("The checkpoint is not signed by the key of the log")


def signed_by(public_key: bytes, signature: bytes, data: bytes) -> bool:
    """Whether a signature is that key's, by Ed25519 (RFC 8032)."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as error:
        raise RuntimeError("Receipts need Ed25519: pip install countersign-sdk[verify]") from error
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True
