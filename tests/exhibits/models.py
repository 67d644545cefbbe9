"""Lists of models, and what is said of one."""

from __future__ import annotations

from typing import Any

from faulty import CHEAP, NOW, about_models, asking, drawn, exchange, pictures

from contract_tests.exchange import Exchange
from exhibits import breaks, faithful, silent


def _one(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "object": "model", **more}


def _list(*models: dict[str, Any]) -> Exchange:
    return exchange(about_models(), {"object": "list", "data": list(models)})


@breaks("models.some", "none")
def an_empty_list() -> Exchange:
    return _list()


@breaks("models.unique", "'gpt-image-2' 2 times")
def a_model_listed_by_each_channel() -> Exchange:
    return _list(_one("gpt-image-2"), _one("dall-e-3"), _one("gpt-image-2"))


@breaks("models.same", "'gpt-4o'")
def another_model_than_asked_about() -> Exchange:
    return exchange(about_models("gpt-image-2"), _one("gpt-4o"))


@breaks("models.created", "1776729600000")
def a_birthday_in_milliseconds() -> Exchange:
    return _list(_one("gpt-image-2", created=1776729600000))


@faithful
def a_list_with_more_in_it() -> Exchange:
    return _list(_one("gpt-image-2", created=0, owned_by="x", pricing={"image": "0.01"}), _one("flux/dev [fast]"))


@silent("models.unique")
@faithful
def a_dated_release_of_the_model_asked_about() -> Exchange:
    return exchange(about_models("gpt-image-2"), _one("gpt-image-2-2026-04-21", created=int(NOW) - 1000))


@silent("models.some", "models.unique", "models.same", "models.created")
@faithful
def pictures_of_a_model() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn()))


@breaks("models.names", "' gpt-image-2'")
def a_name_with_a_blank() -> Exchange:
    return _list(_one(" gpt-image-2"), _one("dall-e-3"))


@breaks("models.shutdown", "'soon'")
def an_end_in_words() -> Exchange:
    return _list(_one("dall-e-3", shutdown_date="soon"))


@faithful
def ends_told_and_not_told() -> Exchange:
    return _list(_one("dall-e-3", shutdown_date="2026-05-12"), _one("flux", shutdown_date=""), _one("x"))


@silent("models.names", "models.shutdown")
@faithful
def a_picture_and_no_list() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn()))
