"""Causes: which broken clauses are another one's doing, so that one cause is one finding.

Two tables. Within one exchange an answer that is no JSON breaks the schema, the count and the envelope as well. Across
a run a parameter that is ignored breaks, in each answer, the clause about what it asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from contract_tests.clauses import Clause
from contract_tests.clauses.registry import LEVELS
from contract_tests.exchange import Exchange
from spec.events import parse


def _always(_: Exchange) -> bool:
    return True


def _brings_nothing(exchange: Exchange) -> bool:
    return not any(meaning.raw for meaning in exchange.image_meanings)


def _is_page(exchange: Exchange) -> bool:
    return exchange.succeeded and exchange.response.media == "text/html"


def _tells_events(exchange: Exchange) -> bool:
    """Whether a body that is not called an event stream is one."""
    return not exchange.streams and any("data" in event for event in parse(exchange.response.body).events)


def _miscounts(exchange: Exchange) -> bool:
    """Whether the schema is broken by the numbers of unfinished pictures alone."""
    wrong = {violation.pointer for violation in exchange.violations if violation.location == "body"}
    told = [meaning for event in exchange.events for meaning in event.meanings]
    return wrong <= {meaning.pointer for meaning in told if meaning.role == "partial-index"}


def _misshapen(*roles: str) -> Callable[[Exchange], bool]:
    """Whether the schema is broken exactly where something of these roles stands."""

    def holds(exchange: Exchange) -> bool:
        wrong = {violation.pointer for violation in exchange.violations}
        return any(m.pointer in wrong for m in exchange.meanings if m.role.startswith(roles))

    return holds


@dataclass(frozen=True, slots=True)
class Rule:
    """A broken `cause` explains other broken clauses (patterns) of the same exchange, where `holds`.

    What compares an exchange with another is explained by what either breaks by itself. `milder`: even where the effect
    is the more severe; the finding is as severe as whatever it breaks.
    """

    cause: str
    effects: tuple[str, ...]
    holds: Callable[[Exchange], bool] = _always
    milder: bool = False

    def explains(self, cause: str, effect: str, exchange: Exchange) -> bool:
        """Whether this rule says that one clause is broken because the other is."""
        fits = fnmatchcase(cause, self.cause) and any(fnmatchcase(effect, pattern) for pattern in self.effects)
        return fits and cause != effect and self.holds(exchange)


#: the deepest cause first: an effect belongs to the first cause that explains it
_WITHIN = (
    Rule("error.in-success", ("*",)),
    Rule("wire.encoding", ("wire.*", "error.*", "images.*", "stream.*")),
    Rule("wire.redirect", ("*",)),
    Rule("wire.content-type", ("*",), _is_page),
    Rule("wire.no-html", ("wire.*", "error.*", "images.*", "stream.*", "task.*")),
    Rule("stream.content-type", ("wire.*", "images.*", "usage.*"), _tells_events),
    Rule("wire.json", ("wire.*", "error.*", "images.*", "task.*", "stream.*", "usage.*", "created.*", "echo.*")),
    Rule("auth.*", ("refusal.*", "error.*", "wire.*", "task.*")),
    Rule("refusal.no-5xx", ("error.*", "wire.*")),
    Rule("refusal.refused", ("wire.*", "error.*", "meta.unknown-parameter")),
    Rule("refusal.survived", ("error.*", "wire.*")),
    Rule("refusal.generous", ("wire.*", "error.*", "meta.unknown-parameter")),
    Rule("refusal.lenient", ("wire.*", "error.*")),
    Rule("refusal.coerced", ("wire.*", "error.*", "meta.unknown-parameter")),
    Rule("refusal.unknown-parameter", ("wire.*", "error.*", "meta.unknown-parameter")),
    Rule("task.private", ("task.same", "error.*", "refusal.*")),
    Rule("task.unknown", ("task.same", "error.*", "refusal.*")),
    Rule("task.accepted", ("wire.*", "stream.*", "images.*", "task.*", "usage.*", "created.*"), _brings_nothing),
    Rule("task.accepted", ("wire.schema",)),
    Rule("stream.content-type", ("wire.*", "stream.*", "images.*", "task.*")),
    Rule("wire.media", ("wire.*", "error.*", "stream.*", "task.*")),
    Rule("wire.accepted", ("wire.*", "error.*", "stream.*", "task.*")),
    Rule("wire.content-type", ("error.*", "wire.schema", "wire.json", "stream.*")),
    Rule("wire.content-type", ("images.*",), _brings_nothing),
    Rule("error.envelope", ("error.*", "wire.*")),
    Rule("wire.status", ("error.status",)),
    Rule("stream.framing", ("stream.*", "wire.schema", "images.*")),
    Rule("stream.completed", ("images.*", "wire.schema", "usage.*"), _brings_nothing),
    Rule("stream.completed", ("images.count", "images.distinct", "meta.count")),
    Rule("stream.partials", ("wire.schema",), _miscounts),
    Rule("task.result", ("images.*", "wire.schema", "task.reason"), _brings_nothing),
    Rule("task.states", ("wire.schema", "task.*")),
    Rule("task.order", ("task.*",)),
    Rule("task.ends", ("task.*",)),
    Rule("wire.schema", ("images.*", "task.*", "stream.*", "usage.*", "created.*", "echo.*"), _brings_nothing),
    Rule("wire.schema", ("created.*", "run.created"), _misshapen("created")),
    Rule("wire.schema", ("usage.*",), _misshapen("usage-")),
    Rule("wire.schema", ("task.*",), _misshapen("task-")),
    Rule("wire.schema", ("images.*",), _misshapen("image-")),
    Rule("wire.schema", ("echo.*",), _misshapen("size", "output-format", "quality", "background")),
    Rule("images.delivery", ("images.b64-clean", "wire.schema")),
    Rule("images.reachable", ("images.decodes", "images.media-type")),
    Rule(
        "images.format",
        ("echo.format", "images.media-type", "images.alpha", "images.extension", "images.still", "meta.background"),
    ),
    Rule("images.size", ("echo.size", "stream.partial-pictures")),
    Rule("images.alpha", ("echo.background",)),
    Rule("videos.frames", ("videos.*", "images.media-type", "images.extension")),
    Rule("images.opaque", ("echo.background",)),
    Rule("images.real", ("images.not-blank",)),
    Rule(
        "images.not-blank",
        (
            "images.alpha",
            "echo.background",
            "stream.unfinished",
            "meta.prompt",
            "meta.input-image",
            "meta.mask",
            "meta.seed",
            "meta.style",
            "meta.background",
        ),
        milder=True,
    ),
    Rule("error.code", ("error.code-word",)),
    Rule("error.param", ("error.param-name",)),
    Rule("usage.output", ("usage.input", "usage.sums", "usage.plausible")),
    Rule("task.times", ("task.*",)),
    Rule("images.count", ("images.distinct", "images.unlike")),
    Rule("videos.duration", ("echo.duration",)),
    Rule("images.decodes", ("images.*", "echo.*")),
    Rule("edit.filled", ("edit.kept",)),  # what is drawn elsewhere
)

#: relation -> the clauses about one answer that are broken because of it
_ACROSS: dict[str, tuple[str, ...]] = {
    "meta.constant": ("meta.*", "edit.*", "images.size", "images.format", "images.alpha", "images.distinct",
                      "images.unlike", "images.not-blank", "echo.*", "task.apart", "run.links",
                      "stream.partial-pictures"),
    "auth.enforced": ("task.private",),
    "refusal.no-5xx": ("refusal.survived",),  # whoever falls over what callers get wrong falls over odd bytes as well
    "task.unknown": ("task.private",),
    "task.order": ("task.finished-time", "task.stable"),
    "task.result": ("task.stable", "list.agrees"),
    "task.times": ("list.times",),
    "images.grid": ("task.part",),
    "meta.prompt": ("meta.input-image", "meta.mask", "edit.*", "meta.seed", "meta.style", "images.distinct",
                    "images.unlike", "run.links"),
    "meta.input-image": ("meta.mask", "images.distinct", "images.unlike", "edit.*"),
    "meta.mask": ("edit.kept", "edit.filled"),
    "edit.based": ("edit.kept", "edit.filled", "usage.reference"),
    "created.plausible": ("run.created",),
    "meta.size": ("images.size", "echo.size"),
    "meta.count": ("images.count", "images.distinct", "images.unlike"),
    "meta.output-format": ("images.format", "echo.format", "images.extension",
                           "images.media-type", "images.alpha", "meta.compression"),
    "meta.compression": ("images.compression",),
    "meta.delivery": ("images.delivery",),
    "meta.background": ("images.alpha", "echo.background"),
    "task.apart": ("run.task-ids", "task.same", "images.size", "images.count"),
    "run.task-ids": ("task.apart",),
    "run.steady": ("wire.steady",),
}  # fmt: skip


def cause_of(effect: Clause, broken: Iterable[Clause], exchange: Exchange) -> Clause:
    """The clause of those an exchange breaks that is at the bottom of it; itself where nothing explains it."""
    others = {clause.id: clause for clause in broken}
    path = [effect]
    while (deeper := _explaining(path[-1], others, exchange)) is not None:
        if deeper in path:  # they explain each other: all of them belong to the one that is told of first
            return min(path[path.index(deeper) :], key=lambda clause: _depth(clause, exchange))
        path.append(deeper)
    return path[-1]


def _depth(clause: Clause, exchange: Exchange) -> int:
    found = (index for index, rule in enumerate(_WITHIN) if fnmatchcase(clause.id, rule.cause) and rule.holds(exchange))
    return next(found, len(_WITHIN))


def _explaining(effect: Clause, broken: dict[str, Clause], exchange: Exchange) -> Clause | None:
    for rule in _WITHIN:
        for clause in broken.values():
            # What is a MUST is not hidden behind something milder, but where that is all there is to see.
            if (rule.milder or _as_severe(clause, effect)) and rule.explains(clause.id, effect.id, exchange):
                return clause
    return None


def _as_severe(cause: Clause, effect: Clause) -> bool:
    return LEVELS.index(cause.level) <= LEVELS.index(effect.level)


def explains_across(cause: Clause, effect: Clause) -> bool:
    """Whether a relation that is broken in a run explains a clause that single answers of the run break."""
    patterns = _ACROSS.get(cause.id, ())
    return cause.id != effect.id and _as_severe(cause, effect) and any(fnmatchcase(effect.id, p) for p in patterns)
