"""Presence: which operations a provider has at all, found out with requests that ask for nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from contract_tests.cases import Case
from contract_tests.exchange import Exchange
from contract_tests.mutations import labelled
from spec.contract import Contract, Operation
from spec.messages import Response, is_json

_NOT_FOUND, _WRONG_METHOD = 404, 405
_GONE = 410
_NO_SUCH_METHOD = (_WRONG_METHOD, 501)
#: what a gateway answers that has nobody behind it
_NOBODY_BEHIND = (502, 503, 504, *range(520, 531))
_OF_ONE_ANSWER = re.compile(r"[0-9a-f-]{8,}|\d+", re.IGNORECASE)  # ids and times


@dataclass(eq=False)
class Presence:
    """What is there. `_probe` sends a request that should cost nothing; it may raise CouldNotLook, BudgetSpent.

    `unasked` are the answers of those who made something of it all the same, told as the broken requests they were.
    """

    _probe: Callable[[Case], Exchange]
    _absent: dict[tuple[str, str], bool] = field(default_factory=dict)
    _nowhere: dict[tuple[str, str], Exchange] = field(default_factory=dict)
    """By method and root: what a path answers that nobody has."""
    unasked: list[Exchange] = field(default_factory=list)

    def lacks(self, contract: Contract, operation: Operation) -> bool:
        """Whether an optional operation is absent: it answers as a path nobody has does.

        A request without a body asks for nothing, so it costs nothing; who delivers all the same is counted.
        """
        return operation.optional_because is not None and self._is_absent(contract, operation)

    def known_absent(self, contract: Contract, operation: Operation) -> bool:
        """Whether an operation was looked for and is not there. Sends nothing."""
        return self._absent.get((contract.name, operation.id), False)

    def lacks_family(self, contract: Contract, others: Sequence[Contract] = ()) -> bool:
        """Whether a whole family is absent: what it begins with answers as a path nobody has does.

        Whatever that is: a key sent as this family sends it may open no path, and all errors may come with 200. Or it
        answers as anything does that ends like a path of `others`, which a server may take whatever stands in front.
        """
        first = _first(contract)
        return self._is_absent(contract, first, whatever=True) or self._is_taken_for(contract, first, others)

    def _is_taken_for(self, contract: Contract, operation: Operation, others: Sequence[Contract]) -> bool:
        paths = {one.path for other in others if other is not contract for one in other.operations}
        tail = next((path for path in paths if path != operation.path and operation.path.endswith(path)), None)
        if tail is None:
            return False
        asked = (operation, replace(operation, path=f"/imageproof{tail}"))
        there, anywhere = (self._probe(Case(contract, one)).response for one in asked)
        return _signature(there) == _signature(anywhere)

    def nowhere(self, contract: Contract) -> Exchange | None:
        """The answer any path gets, where nothing of a family is there at all; None where something is.

        What a wrong address or a sign-in in front answers, and no API whatever is wrong with it: a page, another place
        to go to, "not found" in the same words, a gateway's word that nobody is behind it.
        """
        first = _first(contract)
        others = [one for one in contract.operations if one is not first]
        looks = [one for one in others if one.method.upper() == "GET"]
        if not all(self._is_absent(contract, one) for one in looks):  # asked first, as they never cost anything
            return None
        there = self._probe(Case(contract, first))
        self._note_unasked(there)
        if not _says_nothing_is_there(there) or not _is_as_anywhere(there, self._elsewhere(there.case)):
            return None
        return there if all(self._is_absent(contract, one) for one in others) else None

    def _is_absent(self, contract: Contract, operation: Operation, whatever: bool = False) -> bool:
        name = (contract.name, operation.id)
        known = self._absent.get(name)
        if known is None:
            parameters = {
                p.name: next(iter(p.schema.get("enum", ["imageproof-no-such-thing"])))
                for p in operation.parameters
                if p.location == "path"
            }
            there = self._probe(Case(contract, operation, path_parameters=parameters))
            known = self._answers_as_nowhere(there, whatever)
            named = parameters and there.response.status != _WRONG_METHOD
            if known and named:  # it may be the thing named that is not there: a path that is has other methods
                other = self._probe(Case(contract, replace(operation, method="patch"), path_parameters=parameters))
                known = other.response.status != 405 or self._elsewhere(there.case).response.status == 405
            self._note_unasked(there)
            self._absent[name] = known = known or self._is_of_no_model(there.case)
        return known

    def _is_of_no_model(self, case: Case) -> bool:
        """Whether an operation is one model's own, and there is no such model: asked with nothing in the body."""
        operation, media = case.operation, next(filter(is_json, case.operation.body), None)
        named = [one for one in operation.parameters if one.role == "model" and one.location == "path"]
        if media is None or operation.optional_because is None or not (named or "model" in operation.asks):
            return False
        paths = [{**case.path_parameters, one.name: model} for one in named for model in one.schema.get("enum", ())]
        asked = (replace(case, body=b"{}", media=media, path_parameters=path) for path in paths or [{}])
        return all(self._probe(one).response.status == _NOT_FOUND for one in asked)

    def _note_unasked(self, there: Exchange) -> None:
        if _made_something(there) and (broken := labelled(there.case)) is not None:
            self.unasked.append(replace(there, case=broken))

    def _answers_as_nowhere(self, there: Exchange, whatever: bool) -> bool:
        """Whether an answer is that of a path nobody has; `whatever` that is, unless something was made."""
        told = there.response
        # A gateway's own web page, or a server that fails whatever it is asked.
        nothing = whatever and not _made_something(there)
        nothing |= told.status in (403, 404, 405) or told.status >= 500 or _is_page_or_moved(told)
        # Another method's path, perhaps one that takes any name, is not this operation either.
        absent = told.status in (*_NO_SUCH_METHOD, _GONE) or (
            told.status == 404 and not told.body and not there.case.path_parameters
        )
        return absent or (nothing and _signature(told) == _signature(self._elsewhere(there.case).response))

    def _elsewhere(self, case: Case) -> Exchange:
        """What a path answers that nobody has: near it, as a gateway may have its own web page where it has no API."""
        operation, root = case.operation, case.operation.path.split("/")[1]
        if (operation.method, root) not in self._nowhere:
            nowhere = Case(case.contract, replace(operation, path=f"/{root}/imageproof/no-such-path"))
            self._nowhere[operation.method, root] = self._probe(nowhere)
        return self._nowhere[operation.method, root]


def _first(contract: Contract) -> Operation:
    """What a family begins with."""
    return next((op for op in contract.operations if op.optional_because is None), contract.operations[0])


def _says_nothing_is_there(exchange: Exchange) -> bool:
    told = exchange.response
    return _is_page_or_moved(told) or told.status in (403, 404, *_NO_SUCH_METHOD, *_NOBODY_BEHIND)


def _is_as_anywhere(there: Exchange, elsewhere: Exchange) -> bool:
    """Whether an answer says that nothing is there, in the words of the answer to a path nobody has."""
    told, nowhere = there.response, elsewhere.response
    if told.status in _NO_SUCH_METHOD:
        return True
    same = (told.status, told.media) == (nowhere.status, nowhere.media) and _says_nothing_is_there(there)
    return same and (_is_page_or_moved(told) or _words(there) == _words(elsewhere))


def _is_page_or_moved(told: Response) -> bool:
    return told.media == "text/html" or 300 <= told.status < 400


def _words(exchange: Exchange) -> str:
    """A body without what repeats the path, and what is of one answer only."""
    text = exchange.response.body.decode("utf-8", "replace").replace(exchange.case.path, "")
    return _OF_ONE_ANSWER.sub("", text)


def _made_something(exchange: Exchange) -> bool:
    """Whether an answer says so as the contract has it: an error with status 200 may have an id, too."""
    return bool(exchange.pictures_delivered or (exchange.pictures_made and not exchange.violations))


def _signature(response: Response) -> tuple[int, Any]:
    """What an answer looks like, apart from texts that repeat the request."""

    def shape(value: Any) -> Any:
        return {key: shape(inner) for key, inner in value.items()} if isinstance(value, dict) else type(value).__name__

    return response.status, shape(response.value) if response.value is not None else bool(response.body)
