"""One exchange as the proxy saw it: what its log tells, and what its header says in short."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

HEADER = "imageproof-violations"
_LONGEST_HEADER = 1000
_LONGEST_TEXT = 160


@dataclass(slots=True)
class Passage:
    """What passed. `at` is Unix seconds, `status` 0 where no answer came; texts are without secrets.

    `operation` is empty where no contract has such a request, and then nothing was judged. `trouble` says why an
    exchange came to no good end; `note` what was not judged or not recorded, though it was passed on.
    """

    at: float
    method: str
    path: str
    operation: str = ""
    status: int = 0
    seconds: float = 0.0
    request: list[str] = field(default_factory=list)
    answer: list[str] = field(default_factory=list)
    trouble: str = ""
    note: str = ""
    recorded: bool = False

    @property
    def violations(self) -> list[str]:
        """All of them, each with its direction."""
        return [*(f"request {text}" for text in self.request), *(f"answer {text}" for text in self.answer)]

    def as_json(self) -> dict[str, Any]:
        """As the log file has it."""
        return {
            "at": self.at,
            "method": self.method,
            "path": self.path,
            "operation": self.operation,
            "status": self.status,
            "seconds": round(self.seconds, 3),
            "violations": {"request": self.request, "answer": self.answer},
            "trouble": self.trouble,
            "note": self.note,
            "recorded": self.recorded,
        }


def header_text(violations: Sequence[str], more: str = "") -> str:
    """`2; request body n: ...; answer body data: ...`: how many, then each in short; the log has them whole."""
    text = "; ".join([str(len(violations)), *map(brief, violations), *([more] if more else [])])
    return text if len(text) <= _LONGEST_HEADER else f"{text[: _LONGEST_HEADER - 3]}..."


def brief(text: str) -> str:
    """A text as a header can hold it: one line of ASCII."""
    plain = re.sub(r"\s+", " ", text).replace(";", ",").encode("ascii", "backslashreplace").decode()
    plain = "".join(letter if letter.isprintable() else "?" for letter in plain)
    return plain if len(plain) <= _LONGEST_TEXT else f"{plain[: _LONGEST_TEXT - 3]}..."
