"""Set-Cookie fields (RFC 6265 section 4.1), written only if browsers read back every part unchanged."""

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Literal

from ..settings import Seconds

SameSite = Literal["lax", "strict", "none"]
Expiry = datetime | Seconds | str

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]*")
_ATTRIBUTE = re.compile(r"[ -:<-~]*")


def write_cookie(
    name: str,
    value: str,
    *,
    max_age: Seconds | None,
    expires: Expiry | None,
    path: str,
    domain: str | None,
    secure: bool,
    httponly: bool,
    samesite: SameSite | None,
) -> str:
    """Returns the value of a Set-Cookie field. ValueError or TypeError says which part can't be written, and why."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"expected a token as cookie name, got {name!r}")
    if not _VALUE.fullmatch(value):
        raise ValueError(
            f"expected visible ASCII without spaces, quotes, comma, semicolon and backslash as value of the cookie"
            f" {name!r}, got {value!r}; urllib.parse.quote() makes any text such a value"
        )
    parts = [f"{name}={value}"]
    if max_age is not None:
        parts.append(f"Max-Age={_whole_seconds(max_age, f'max_age of the cookie {name!r}')}")
    if expires is not None:
        parts.append(f"Expires={_write_date(_to_datetime(expires, f'expires of the cookie {name!r}'))}")
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


def _whole_seconds(value: object, what: str) -> int:
    """Rounds up: 0 would end a cookie that should live for half a second."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"expected seconds or a timedelta as {what}, got {value!r}")
    if isinstance(seconds, float) and not math.isfinite(seconds):
        raise ValueError(f"expected a finite number of seconds as {what}, got {value!r}")
    return math.ceil(seconds)


# email.utils takes a tenth of the time to import the package, and few programs set an expiry.


def _write_date(moment: datetime) -> str:
    from email.utils import format_datetime

    return format_datetime(moment, usegmt=True)


def _read_date(text: str) -> datetime:
    from email.utils import parsedate_to_datetime

    return parsedate_to_datetime(text)


def _to_datetime(value: object, what: str) -> datetime:
    """Returns a time in UTC. A number is seconds from now, as in Starlette; text is an HTTP date."""
    if isinstance(value, str):
        try:
            value = _read_date(value)
        except (ValueError, OverflowError):
            raise ValueError(
                f"expected a date such as 'Wed, 02 Jan 2030 03:04:05 GMT' as {what}, got {value!r}"
            ) from None
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"expected a time with a time zone as {what}, got {value!r}")
        try:
            return value.astimezone(UTC)
        except OverflowError:
            raise ValueError(f"expected a time in the years 1 to 9999 of UTC as {what}, got {value!r}") from None
    if not isinstance(value, (int, float, timedelta)):
        raise TypeError(f"expected a datetime with a time zone, or seconds from now, as {what}, got {value!r}")
    try:
        return datetime.now(UTC) + timedelta(seconds=_whole_seconds(value, what))
    except OverflowError:
        raise ValueError(f"expected a time in the years 1 to 9999 as {what}, got {value!r} seconds from now") from None
