"""Recognisers of drifts in one answer."""

from __future__ import annotations

from contract_tests.exchange import Exchange
from contract_tests.recognisers.registry import recognises


@recognises("chat-shaped-200")
def chat_shaped(exchange: Exchange) -> bool:
    """A 2xx body with `choices`, or called a chat completion, without any picture."""
    value = exchange.response.value
    if not exchange.succeeded or not isinstance(value, dict) or exchange.image_meanings:
        return False
    return isinstance(value.get("choices"), list) or str(value.get("object", "")).startswith("chat.completion")


@recognises("empty-object-200")
def empty_object(exchange: Exchange) -> bool:
    """A 2xx body that is `{}`."""
    return exchange.succeeded and exchange.response.value == {}


@recognises("n-ignored-single-image")
def one_picture(exchange: Exchange) -> bool:
    """Several pictures asked for, exactly one delivered."""
    asked = exchange.asked.get("count", 1)
    return exchange.owes_pictures and isinstance(asked, int) and asked > 1 and exchange.pictures_delivered == 1


@recognises("size-ignored-200-wrong-aspect")
def wrong_aspect(exchange: Exchange) -> bool:
    """Pixels of another aspect than asked."""
    asked = exchange.asked.get("size")
    if not exchange.owes_pictures or not isinstance(asked, tuple):
        return False
    shapes = [picture.width / picture.height for picture in exchange.pictures if picture.height]
    return any(abs(shape - asked[0] / asked[1]) > 0.02 * shape for shape in shapes)


@recognises("data-url-inside-b64-json")
def data_url(exchange: Exchange) -> bool:
    """Base64 that starts with `data:`."""
    return exchange.succeeded and any(
        meaning.role == "image-b64" and str(meaning.raw).startswith("data:") for meaning in exchange.image_meanings
    )


@recognises("error-object-in-200")
def error_in_200(exchange: Exchange) -> bool:
    """A documented error body with a 2xx status."""
    return exchange.succeeded and exchange.is_error_body


@recognises("async-ignored-returns-sync")
def async_ignored(exchange: Exchange) -> bool:
    """A task asked for, pictures delivered at once."""
    return (
        exchange.wants_task
        and exchange.succeeded
        and bool(exchange.image_meanings)
        and exchange.said("task-id") is None
    )


@recognises("missing-model-503")
def missing_model(exchange: Exchange) -> bool:
    """The missing model answered with 503."""
    defect = exchange.case.defect
    if defect is None or defect.problem != "missing-parameter" or exchange.response.status != 503:
        return False
    body = next(iter(exchange.case.operation.body.values()), {})
    return bool(body.get("properties", {}).get(defect.param, {}).get("x-role") == "model")
