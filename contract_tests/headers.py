"""Values in headers, as a provider may write them: whole numbers, dates. Nothing that is sent raises."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_WHOLE = re.compile(r"-?[0-9]{1,18}")


def whole_number(text: str) -> int | None:
    """A number of at most 18 digits; None for anything else."""
    return int(text) if _WHOLE.fullmatch(text.strip()) else None


def http_date(text: str) -> datetime | None:
    """A date as HTTP has it (RFC 9110, section 5.6.7), in UTC where no zone is told; None for anything else."""
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):  # a year of twenty digits overflows
        return None
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)
