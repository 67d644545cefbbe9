"""What a refusal says a provider does not have: the model that was asked for, or a parameter that was sent.

A provider without a feature says so in its own words, status and code. What its refusal is about is decided by what it
names: the parameter (`error-param`), else the texts of code and message, else the body as it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from contract_tests.cases import optional_parameters

if TYPE_CHECKING:
    from contract_tests.cases import Case
    from contract_tests.exchange import Exchange

#: what these statuses speak of is the key, the money or the pace
NOT_ABOUT_THE_REQUEST = frozenset({401, 402, 429})
_MODEL = re.compile(r"(?<![a-z])models?(?![a-z])|模型", re.IGNORECASE)
_UNKNOWN = re.compile(
    r"unknown|unrecogni[sz]ed|unexpected|unsupported|does not exist|no such|extra (?:input|field|param)"
    r"|not (?:a (?:known|valid) param|recogni[sz]ed|support|permitted|allowed|available|implemented)"
    r"|未知|不支持|无法识别",
    re.IGNORECASE,
)
_NOBODY_SERVES = re.compile(
    r"no (?:available )?(?:channel|provider|deployment)|not (?:found|exist)|无可用|不存在", re.IGNORECASE
)
_MOST_READ = 4000  # characters of an answer that are looked at


def lacks_model(exchange: Exchange) -> bool:
    """Whether a request is refused because of its model, with which the contract finds nothing wrong."""
    case, status = exchange.case, exchange.response.status
    named = _named_models(case)
    if status < 400 or status in NOT_ABOUT_THE_REQUEST or not named:
        return False
    if case.defect is not None and (case.defect.param in named or not case.defect.param):
        return False
    text, param = _text(exchange), exchange.error("error-param")
    about_model = bool(_MODEL.search(f"{_code(exchange)} {text}") or any(_holds(text, one) for one in named.values()))
    if status >= 500:  # "no channel for this model" is sent as 503; that something broke while painting is no absence
        absent = status == 503 or _UNKNOWN.search(text) or _NOBODY_SERVES.search(text)
        named_there = about_model and any(_holds(text, one) for one in named.values())
        return bool(_MODEL.search(_code(exchange)) or (absent and named_there))
    if isinstance(param, str) and param:
        return param in named
    if _MODEL.search(_code(exchange)):
        return True
    others = [part for part in _parts(case) if part[0] not in named]
    return about_model and not any(_holds(text, word) for part in others for word in part)


def lacks_parameter(exchange: Exchange) -> str:
    """The declared parameter for which a request is refused, as one nobody knows here; empty where it is none."""
    case, status = exchange.case, exchange.response.status
    if (
        (case.defect is not None and case.defect.problem == "unknown-parameter")
        or not 400 <= status < 500
        or status in NOT_ABOUT_THE_REQUEST
    ):
        return ""
    schema = case.operation.body.get(case.request.media, {})
    text, param = _text(exchange), exchange.error("error-param")
    left = (*schema.get("required", ()), *model_names(case))
    told = {name: value for name, value in _parts(case) if name not in left and _is_declared(case, name)}
    named = [name for name in told if name == param] or [name for name in told if _holds(text, name)]
    if len(named) != 1:
        return ""
    problem = case.contract.problems.get("unknown-parameter")
    code = problem.fields.get("error-code") if problem else None
    if code and exchange.error("error-code") == code:
        return named[0]
    value = told[named[0]]
    about_value = value not in ("", "true", "false") and _holds(text, value)
    return named[0] if _UNKNOWN.search(text) and not about_value else ""


def refuses_option(exchange: Exchange) -> str:
    """The parameter whose value is refused though the contract has it: one a provider may lack, or a picture's format.

    Empty where none is, or where the parameter is not known at all.
    """
    case, status = exchange.case, exchange.response.status
    if case.defect is not None or not 400 <= status < 500 or status in NOT_ABOUT_THE_REQUEST:
        return ""
    if lacks_parameter(exchange):
        return ""
    text, param = _text(exchange), exchange.error("error-param")
    properties = case.operation.body.get(case.request.media, {}).get("properties", {})
    formats = {name for name, inner in properties.items() if inner.get("x-role") == "output-format"}
    told = {name for name, _ in _parts(case)} & {*optional_parameters(case), *formats}
    named = [name for name in told if name == param] or [name for name in told if not param and _holds(text, name)]
    return named[0] if len(named) == 1 else ""


def model_names(case: Case) -> list[str]:
    """What the parameter is called that names the model in this request."""
    properties = case.operation.body.get(case.request.media, {}).get("properties", {})
    return [name for name, inner in properties.items() if inner.get("x-role") == "model"]


def _named_models(case: Case) -> dict[str, str]:
    told: Mapping[str, Any] = case.request.value if isinstance(case.request.value, dict) else {}
    in_path = {p.name: case.path_parameters.get(p.name) for p in case.operation.parameters if p.role == "model"}
    named = {name: told.get(name) for name in model_names(case)}
    return {name: one for name, one in {**named, **in_path}.items() if isinstance(one, str)}


def _parts(case: Case) -> Iterator[tuple[str, str]]:
    """Each parameter that was sent, with its value where that is short; prompts say anything, so they say nothing."""
    told = case.request.value if isinstance(case.request.value, dict) else {}
    properties = case.operation.body.get(case.request.media, {}).get("properties", {})
    for name, value in (*told.items(), *case.query.items()):
        short = isinstance(value, str | int) and properties.get(name, {}).get("x-role") != "prompt"
        yield name, (str(value).lower() if short else "")


def _is_declared(case: Case, name: str) -> bool:
    properties = case.operation.body.get(case.request.media, {}).get("properties", {})
    return name in properties or any(parameter.name == name for parameter in case.operation.parameters)


def _code(exchange: Exchange) -> str:
    return str(exchange.error("error-code") or "").replace("_", " ")


def _text(exchange: Exchange) -> str:
    said = exchange.error("error-message")
    return (
        said[:_MOST_READ] if isinstance(said, str) else exchange.response.body[:_MOST_READ].decode("utf-8", "replace")
    )


def _holds(text: str, word: str) -> bool:
    """Whether a word stands in a text by itself; words of one or two letters only where they are quoted."""
    if not word:
        return False
    around = r"[`'\"‘’“”]" if len(word) < 3 else ""
    pattern = f"{around}{re.escape(word)}{around}"
    return re.search(rf"(?<![\w.-]){pattern}(?![\w-]|\.\w)", text, re.IGNORECASE) is not None
