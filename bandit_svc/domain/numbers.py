"""Numbers as text for people.

Owns their rounding: as many digits as one reads, never a raw float.
"""

NOTHING = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"
_UNITS = (("days", 86_400.0), ("h", 3_600.0), ("min", 60.0))
_HUNDRED = 100
_BILLION, _MILLION, _THOUSAND = 1e9, 1e6, 1e3


def amount(value: float | None, *, signed: bool = False) -> str:
    """Write a reward: 0.0312, 12.35, 12,346, 1.235 M; a dash for None."""
    if value is None:
        return NOTHING
    size = abs(value)
    if size >= _BILLION:
        text = f"{size / _BILLION:,.3f} bn"
    elif size >= _MILLION:
        text = f"{size / _MILLION:.3f} M"
    elif size >= _THOUSAND:
        text = f"{size:,.0f}"
    elif size >= 10:  # noqa: PLR2004 - from here on two decimals say enough
        text = f"{size:.2f}"
    else:
        text = f"{size:.4f}"
    return _sign(value, text, signed=signed)


def percent(value: float | None, *, signed: bool = False) -> str:
    """Write a share: 12.3 %; a dash for None."""
    if value is None:
        return NOTHING
    return _sign(value, f"{abs(value):,.1%}".replace("%", " %"), signed=signed)


def points(value: float) -> str:
    """Write a difference of two shares in percentage points: +12.3 points."""
    return _sign(value, f"{abs(value) * _HUNDRED:,.1f} points", signed=True)


def duration(seconds: float | None) -> str:
    """Write a length of time: 0.25 s, 45 s, 12 min, 3.5 h, 2 days; a dash for None."""
    if seconds is None:
        return NOTHING
    for name, size in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.2g} {name}"
    return f"{seconds:.2g} s" if seconds < _HUNDRED else f"{seconds:.0f} s"


def count(value: int) -> str:
    """Write a number of things: 12,345."""
    return f"{value:,}"


def byte_size(size_bytes: float) -> str:
    """Write a number of bytes: 512 B, 12 kB, 3.4 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if size_bytes < _THOUSAND:
            return f"{size_bytes:.3g} {unit}"
        size_bytes /= _THOUSAND
    return f"{size_bytes:.3g} TB"


def counted(value: int, one: str, many: str = "") -> str:
    """Write a number of things with their name: 1 decision, 2 decisions.

    Args:
        value: how many there are.
        one: the words for one of them.
        many: the words for none or several; `one` with an s if it is empty.
    """
    return f"{count(value)} {one if value == 1 else many or one + 's'}"


def _sign(value: float, text: str, *, signed: bool) -> str:
    # A number that is rounded to 0 has no sign.
    if value < 0 and any(digit in text for digit in "123456789"):
        return _MINUS + text
    return "+" + text if signed else text
