"""A provider that lists none of the models a contract knows is asked for its own."""

from __future__ import annotations

import json
from contextlib import closing

import pytest
from test_provider import KEY, Asked, Told, listening

from contract_tests.opening import open_run
from contract_tests.options import Options

LISTED = {"object": "list", "data": []}


def refused(param: str) -> Told:
    return Told({"error": {"message": f"Bad {param}.", "type": "x", "param": param, "code": "invalid_value"}}, 400)


@pytest.mark.parametrize(
    ("listed", "known", "taken"),
    [
        (["chat-9", "an-image-1", "an-image-2", "an-image-3"], "an-image-", ("an-image-1", "an-image-2")),
        (["studio-1"], "studio", ("studio-1",)),
        (["chat-9", "chat-8"], "studio", ()),
        ([f"chat-{number}" for number in range(20)], "chat", ()),
        (["gpt-image-1", "river-image-1"], "", ()),
    ],
)  # fmt: skip
def test_models_of_its_own_are_found_for_nothing(
    listed: list[str], known: str, taken: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    def answer(asked: Asked) -> Told:
        if asked.path == "/v1/models":
            return Told(
                {**LISTED, "data": [{"id": name, "object": "model", "created": 1, "owned_by": "x"} for name in listed]}
            )
        if asked.path != "/v1/images/generations" or not asked.body:
            return Told({"error": {"message": "No.", "type": "x", "param": None, "code": None}}, 404)
        return refused("prompt" if str(json.loads(asked.body)["model"]).startswith(known) else "model")

    with listening(answer) as server, closing(open_run(Options(server.url, max_images=4, families=("images",)))) as run:
        assert run.own_models == taken
        assert not taken or run.models_of(run.contracts[0]) == taken
        assert run.provider.ledger.images == 0
        assert all(b'"prompt"' not in asked.body for asked in server.asked)


def test_a_model_of_its_own_is_asked_for_where_it_was_found_only() -> None:
    def answer(asked: Asked) -> Told:
        if asked.path == "/v1/models":
            return Told({**LISTED, "data": [{"id": "studio-1", "object": "model", "created": 1, "owned_by": "x"}]})
        return refused("prompt") if asked.path in ("/v1/images/generations", "/v1/chat/completions") else Told({}, 404)

    with listening(answer) as server, closing(open_run(Options(server.url, families=("images", "chat")))) as run:
        images, chat = run.contracts
        assert run.models_of(images) == ("studio-1",)
        assert "studio-1" not in {*run.models_of(chat), *(model.name for model in chat.models)}
        assert run.findings.not_tested.keys() <= {"models"}
