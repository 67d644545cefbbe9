"""What a request says in its parameters: texts, and the JSON values they stand for."""

from __future__ import annotations

from typing import Any

from spec.contract import Parameter
from spec.language import types_of
from spec.messages import Request, combined


def cast(parameter: Parameter, text: str) -> Any:
    """A parameter's text as the JSON value its schema speaks of; the text itself where it does not fit."""
    types = types_of(parameter.schema)
    if "string" in types or not types:
        return text
    if "boolean" in types:
        return {"true": True, "false": False}.get(text, text)
    try:
        return int(text) if "integer" in types else float(text)
    except ValueError:
        return text


def parameter_text(parameter: Parameter, request: Request) -> str | None:
    """The parameter's text in this request, None when it is not there."""
    match parameter.location:
        case "query":
            return request.query.get(parameter.name)
        case "path":
            return request.path_parameters.get(parameter.name)
        case "header":
            return combined(request.headers, parameter.name.lower())
        case _:
            return None
