"""Runs in LiteLLM's own environment: its SDK asks for pictures, and what came of each case is printed as JSON."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROMPT = "A lighthouse built of books"


def cases(litellm: Any, url: str, image: Path, mask: Path) -> dict[str, Callable[[], Any]]:
    """What is asked, by name."""
    at = {"api_base": f"{url}/v1", "api_key": "sk-imageproof"}
    made, amade = litellm.image_generation, litellm.aimage_generation
    edited, aedited = litellm.image_edit, litellm.aimage_edit
    gpt, dalle = (
        {"prompt": PROMPT, "model": "openai/gpt-image-2", **at},
        {"prompt": PROMPT, "model": "openai/dall-e-2", **at},
    )
    small = {"size": "1024x640"}

    def file() -> io.BytesIO:
        return io.BytesIO(image.read_bytes())

    return {
        "link": lambda: made(**dalle, size="256x256"),
        "several": lambda: made(**gpt, n=2, output_format="webp", **small),
        "asynchronous": lambda: amade(**gpt, **small),
        "edit": lambda: edited(**gpt, image=file(), **small),
        "edit of a file": lambda: edited(**gpt, image=image.open("rb"), **small),
        "edit of bytes": lambda: edited(**gpt, image=image.read_bytes(), **small),
        "edit of a list": lambda: edited(**gpt, image=[file(), file()], **small),
        "asynchronous edit": lambda: aedited(**gpt, image=file(), output_format="jpeg", **small),
        "masked": lambda: edited(
            **dalle, image=image.open("rb"), mask=mask.open("rb"), size="512x512", response_format="b64_json"
        ),
        "variation": lambda: litellm.image_variation(model="openai/dall-e-2", image=file(), n=2, size="256x256", **at),
        "wrong size": lambda: made(**gpt, size="1x1"),
        "wrong picture": lambda: edited(**gpt, image=io.BytesIO(b"a fox")),
        "unknown parameter": lambda: made(**gpt, watermark=True),
        "limited": lambda: edited(**gpt, image=file(), extra_headers={"Prefer": "code=429"}),
        "overloaded": lambda: edited(**gpt, image=file(), extra_headers={"Prefer": "code=503"}),
        "moderated": lambda: edited(**gpt, image=file(), extra_headers={"Prefer": "problem=moderation-blocked"}),
        # What LiteLLM gets wrong by itself:
        "wrong key": lambda: made(**{**gpt, "api_key": "sk-wrong-key"}),
        "stream": lambda: made(**gpt, stream=True, partial_images=1, **small),
        "edit stream": lambda: edited(**gpt, image=file(), stream=True, partial_images=1, **small),
        "tuple": lambda: aedited(**gpt, image=("fox.png", image.read_bytes(), "image/png"), **small),
        "headers": lambda: made(**gpt, extra_headers={"X-Trace": "7"}, **small),
        "no retries": lambda: made(**dalle, max_retries=0, extra_headers={"Prefer": 'fault="html:status=502"'}),
    }


def told(call: Callable[[], Any]) -> dict[str, Any]:
    """A case as JSON: its answer, or the exception it ended in."""
    try:
        answer = call()
        if inspect.isawaitable(answer):

            async def awaited() -> Any:
                return await answer

            answer = asyncio.run(awaited())
        return {"answer": answer.model_dump(mode="json")}
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what a caller of LiteLLM sees
        return {"error": type(error).__name__, "status": getattr(error, "status_code", None), "text": str(error)[:1000]}


def main() -> None:
    """Arguments: the mock's root, a picture, a mask."""
    with contextlib.redirect_stdout(sys.stderr):  # LiteLLM prints advice
        import litellm

        found = {}
        for name, call in cases(litellm, sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])).items():
            found[name] = told(call)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
