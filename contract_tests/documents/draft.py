"""A profile drafted from a vendor's document: what the page promises, so that the mock behaves as it says.

What the document says otherwise than the contract becomes overlay actions (`changes.py`), what it promises to answer
against the contract becomes drifts (`promises.py`). What cannot be written stands in comments: nothing is lost
silently.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from contract_tests.documents.changes import Change, changes
from contract_tests.documents.defects import subjects_of
from contract_tests.documents.document import Document
from contract_tests.documents.keys import masked
from contract_tests.documents.lint import contracts_for
from contract_tests.documents.promises import Promise, promises
from contract_tests.documents.subject import Subject
from contract_tests.findings import Finding
from contract_tests.profile_text import checked, comment, removing, section, yaml_lines
from contract_tests.report.evidence import visible
from spec.contract import Contract, Operation
from spec.documents import default_families, load_yaml, locate, read_text
from spec.errors import SpecError
from spec.profiles import parse_profile

_LEFT = "left as the contract has it"


class NothingKnown(Exception):
    """A document describes no operation of any contract: there is nothing to draft."""


def draft_profile(documents: Sequence[Document], name: str) -> str:
    """The text of a profile called `name` of a provider that these documents, one or several, are about.

    What two of them say of one thing is taken from the first that can be written. Raises NothingKnown, or SpecError
    when it cannot be served.
    """
    pages = _pages(documents)
    subjects = [subject for page in pages for subject in page.subjects]
    contracts = list({subject.contract.name: subject.contract for subject in subjects}.values())
    overlays: dict[str, Any] = {}
    unsaid: list[list[str]] = []
    for contract in contracts:
        actions: list[Mapping[str, Any]] = []
        for page in pages:
            more, left = _actions(contract, page, subjects, actions)
            actions += more
            unsaid += left
        if actions:
            told = {"title": f"What the document{'s' * (len(pages) > 1)} change", "version": "1"}
            overlays[contract.name] = {"overlay": "1.0.0", "info": told, "actions": actions}
    head: dict[str, Any] = {
        "profile": name,
        "title": f"A draft: what {visible(', '.join(page.name for page in pages))} promise{'s' * (len(pages) == 1)}",
        "sources": [page.source for page in pages],
    }
    families = [contract.name for contract in contracts]
    if not set(families) <= set(default_families()):
        head["families"] = families
    if overlays:
        head["overlays"] = overlays
    drifts, nameless = _drifts(
        [(promise, page.name) for page in pages for subject in page.subjects for promise in promises(subject)]
    )
    lines = [
        *comment(
            "Drafted by `imageproof profile` from a document; nobody has seen the provider answer. Read it through."
        ),
        *yaml_lines(head),
        *(["drifts:"] if drifts else []),
        *(line for drift in drifts for line in _item(drift)),
        *section("Promised too, but the mock cannot play it:", nameless),
        *section("Said otherwise than the contract has it, but it could not be written:", unsaid),
        *section(f"Not described in the document, so {_LEFT}:", _undescribed(contracts, pages)),
    ]
    text = masked("\n".join(lines) + "\n")
    parse_profile(text, f"{name}.yaml").contracts()
    return text


@dataclass(frozen=True, slots=True)
class _Page:
    """A document, what it is called here, and the operations it describes."""

    document: Document
    name: str
    subjects: Sequence[Subject]

    @property
    def source(self) -> str:
        changed = self.document.changed
        return f"{visible(self.name)}{f', changed {changed.text}' if changed else ''}"

    def of(self, contract: Contract) -> list[Subject]:
        return [subject for subject in self.subjects if subject.contract is contract]


def _pages(documents: Sequence[Document]) -> list[_Page]:
    """The documents with what they describe. Raises NothingKnown for the first that describes nothing."""
    known = contracts_for(documents)
    pages = []
    for document in documents:
        subjects = subjects_of(document, known)
        if not subjects:
            raise NothingKnown(
                f"{document.name}: no contract knows {document.operations[0].label}; nothing can be drafted\n"
                "  expected: a document with an operation of a contract, see `imageproof lint`"
            )
        pages.append(_Page(document, f"{document.shape} {PurePath(document.name).name}", subjects))
    return pages


def _actions(
    contract: Contract, page: _Page, described: Sequence[Subject], before: Sequence[Mapping[str, Any]]
) -> tuple[list[Mapping[str, Any]], list[list[str]]]:
    """The overlay's actions that a page adds to those `before`, and what could not be written, with the reason."""
    entry, own = locate("contract", contract.name), page.of(contract)
    if not own:
        return [], []
    done = [_effect(action) for action in before]
    found = [*changes(own, load_yaml(read_text(entry), entry.name)), *_absent(contract, own, described)]
    left = [_note(change, page.name, "a contract cannot say so") for change in found if not change.actions]
    wanted = [
        (change, new)
        for change in found
        if (new := [told for told in _told(change, page.name) if _effect(told) not in done])
    ]
    every = [action for _, more in wanted for action in more]
    if _holds(contract, [*before, *every]) is None:
        return every, left
    actions: list[Mapping[str, Any]] = []
    for change, more in wanted:
        if wrong := _holds(contract, [*before, *actions, *more]):
            left.append(_note(change, page.name, wrong))
        else:
            actions += more
    return actions, left


def _effect(action: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an action does, without the words beside it."""
    return {key: value for key, value in action.items() if key != "description"}


def _note(change: Change, page: str, why: str) -> list[str]:
    return [f"{change.told} {page}, line {change.place.line}", f"  {why}"]


def _told(change: Change, page: str) -> list[Mapping[str, Any]]:
    """The actions of a change; the first says what it is, where it is said, and how sure it is."""
    source = f"{masked(visible(change.told))} {page}, line {change.place.line}. Confidence {change.confidence}."
    return [
        {"description": source, **{key: action[key] for key in action if key != "description"}}
        if first
        else dict(action)
        for first, action in zip((True, *[False] * len(change.actions)), change.actions, strict=False)
    ]


def _holds(contract: Contract, actions: Sequence[Mapping[str, Any]]) -> str | None:
    """None where the contract with these actions is sound, else what is wrong with it."""
    if not actions:
        return None
    overlay = {"overlay": "1.0.0", "info": {"title": "draft", "version": "1"}, "actions": list(actions)}
    try:
        checked(contract.name, {contract.name: overlay})
    except SpecError as error:
        return " ".join(str(error).split())
    return None


def _absent(contract: Contract, subjects: Sequence[Subject], described: Sequence[Subject]) -> Iterator[Change]:
    """Operations that a document of several does not have, nor any beside it; a page of one says nothing of others."""
    elsewhere = {subject.operation.id for subject in described}
    for operation in _lacking(contract, subjects):
        if operation.id in elsewhere:
            continue
        known = {"family": contract.name, "id": operation.id, "label": operation.label}
        place = subjects[0].documented.place
        yield Change(f"No {operation.label}.", place, "medium (absence)", tuple(removing(known, None)))


def _lacking(contract: Contract, subjects: Sequence[Subject]) -> list[Operation]:
    """The operations a provider may lack that are not described, but for those by which a promised task is followed."""
    kept = {subject.operation.id for subject in subjects}
    if len(kept) < 2:
        return []
    kept |= {link.operation for subject in subjects if subject.parameter("async") for link in subject.operation.links}
    return [operation for operation in contract.operations if operation.id not in kept and operation.optional_because]


def _drifts(found: Sequence[tuple[Promise, str]]) -> tuple[list[Mapping[str, Any]], list[list[str]]]:
    """The drifts that the promised answers of pages show, one per switch, and the findings that are left, with why."""
    played: dict[str, tuple[str, Mapping[str, Any]]] = {}
    left = []
    for promise, page, finding in [(each, page, finding) for each, page in found for finding in each.findings]:
        source = f"{page}, {promise.said} of {promise.subject.documented.label}"
        if finding.drift is None:
            left.append(_unplayed(finding, source, "it has no name"))
            continue
        use: dict[str, Any] = {"id": finding.drift.id}
        if seen := {key: value for key, value in promise.parameters(finding).items() if key in finding.drift.defaults}:
            use["with"] = seen
        use["source"] = f"{source}. Confidence high ({promise.kind})."
        id_ = played.setdefault(finding.drift.switch, (finding.drift.id, use))[0]
        if id_ != finding.drift.id:
            left.append(_unplayed(finding, source, f"it excludes {id_}, which is promised, too"))
    return [use for _, use in played.values()], left


def _unplayed(finding: Finding, source: str, why: str) -> list[str]:
    broken = finding.broken
    return [
        f"{finding.cause}: {source}; {why}",
        f"  expected {broken.expected}",
        f"  promised {broken.received}",
    ]


def _item(value: Mapping[str, Any]) -> Iterator[str]:
    first, *rest = yaml_lines(value)
    yield f"  - {first}"
    yield from (f"    {line}" for line in rest)


def _undescribed(contracts: Sequence[Contract], pages: Sequence[_Page]) -> Iterator[list[str]]:
    described = {subject.operation.id for page in pages for subject in page.subjects}
    for contract in contracts:
        lacking = [operation for page in pages for operation in _lacking(contract, page.of(contract))]
        for operation in contract.operations:
            if operation.id not in described and operation not in lacking:
                yield [operation.label]
