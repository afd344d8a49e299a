"""Set-Cookie fields (RFC 6265 section 4.1): written only where every part is one that browsers read back unchanged."""

import re
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Literal

SameSite = Literal["lax", "strict", "none"]

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]*")
_ATTRIBUTE = re.compile(r"[ -:<-~]*")


def write_cookie(
    name: str,
    value: str,
    *,
    max_age: int | None,
    expires: datetime | None,
    path: str,
    domain: str | None,
    secure: bool,
    httponly: bool,
    samesite: SameSite | None,
) -> str:
    """The value of a Set-Cookie field. ValueError says which part can't be written, and why."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"expected a token as cookie name, got {name!r}")
    if not _VALUE.fullmatch(value):
        raise ValueError(
            f"expected visible ASCII without spaces, quotes, comma, semicolon and backslash as value of the cookie"
            f" {name!r}, got {value!r}; urllib.parse.quote() makes any text such a value"
        )
    parts = [f"{name}={value}"]
    if max_age is not None:
        parts.append(f"Max-Age={int(max_age)}")
    if expires is not None:
        if expires.tzinfo is None:
            raise ValueError(f"expected a time with a time zone as expiry of the cookie {name!r}, got {expires!r}")
        parts.append(f"Expires={format_datetime(expires.astimezone(UTC), usegmt=True)}")
    for attribute, text in (("Path", path), ("Domain", domain)):
        if text and not _ATTRIBUTE.fullmatch(text):
            raise ValueError(
                f"expected visible ASCII without semicolon as {attribute} of the cookie {name!r}, got {text!r}"
            )
        if text:
            parts.append(f"{attribute}={text}")
    if samesite is not None:
        if samesite not in ("lax", "strict", "none"):
            raise ValueError(f"expected 'lax', 'strict' or 'none' as samesite of the cookie {name!r}, got {samesite!r}")
        if samesite == "none" and not secure:
            raise ValueError(f"the cookie {name!r}: browsers take samesite='none' only with secure=True")
        parts.append(f"SameSite={samesite.capitalize()}")
    if secure:
        parts.append("Secure")
    if httponly:
        parts.append("HttpOnly")
    return "; ".join(parts)
