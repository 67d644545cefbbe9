"""Exchanges made by hand: the real contract, real bytes, real pictures, and any answer a test wants to see judged."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import orjson
from PIL import Image, ImageChops, ImageFilter

from contract_tests.cases import About, Case, Defect, case_of, json_case
from contract_tests.clauses import Broken, judging
from contract_tests.exchange import Exchange
from contract_tests.mutations import labelled, unknown_task
from contract_tests.seen import Seen, decode_base64, look, unreachable
from mockserver.artist import Artist, Picture
from spec import events
from spec.forms import File
from spec.messages import Response, Undecodable, decode, media_type
from spec.profiles import PLAIN

IMAGES = PLAIN.contract("images")
CREATE = IMAGES.operation("createImage")
EDIT = IMAGES.operation("editImage")
TASK = IMAGES.operation("getImageTask")
EDIT = IMAGES.operation("editImage")
MODELS = IMAGES.operation("listModels")
MODEL = IMAGES.operation("getModel")
NOW = 1_800_000_000.0
CHEAP: dict[str, Any] = {
    "model": "dall-e-2",
    "prompt": "A red fox",
    "size": "256x256",
    "response_format": "b64_json",
}
LINKED: dict[str, Any] = {**CHEAP, "response_format": "url"}
GPT: dict[str, Any] = {"model": "gpt-image-2", "prompt": "A red fox", "size": "1024x640"}
LINK = "https://cdn.example/fox.png"
HEADERS = {"content-type": "application/json", "x-request-id": "req_1"}
TASK_ID = "3dad96708a77485e97ac7ef652796d7b"

_ARTIST = Artist()


# --- pictures ---------------------------------------------------------------------------------------


def drawn(width: int = 256, height: int = 256, format_: str = "png", **more: Any) -> bytes:
    """A real picture; `index` makes it another one."""
    return _ARTIST.draw(Picture("A red fox", width, height, format_, **more))


@cache
def blank(width: int = 256, height: int = 256) -> bytes:
    """A picture of one colour."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), (17, 34, 51)).save(file, "PNG")
    return file.getvalue()


@cache
def noisy(data: bytes) -> bytes:
    """The same picture with noise over it that nobody sees."""
    file = io.BytesIO()
    with Image.open(io.BytesIO(data)) as image:
        grain = Image.effect_noise(image.size, 2).point(lambda level: max(level - 128, 0))
        ImageChops.add(image.convert("RGB"), grain.convert("RGB")).save(file, "PNG")
    return file.getvalue()


@cache
def blurred(index: int) -> bytes:
    """The state of the finished picture of a stream before it is finished."""
    file = io.BytesIO()
    with Image.open(io.BytesIO(drawn(1024, 640))) as image:
        image.convert("RGB").filter(ImageFilter.BoxBlur(40 // (index + 1))).save(file, "PNG")
    return file.getvalue()


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


# --- requests ---------------------------------------------------------------------------------------


def asking(told: Mapping[str, Any], **query: str) -> Case:
    """A valid request for pictures."""
    case = json_case(IMAGES, CREATE, told, query=query)
    assert labelled(case) is None, f"not valid: {case}"
    return case


def asking_wrongly(told: Mapping[str, Any], **changes: Any) -> Case:
    """A request with one defect, labelled by the contract; `credential` is the only change."""
    case = labelled(replace(json_case(IMAGES, CREATE, told), **changes))
    assert case is not None, f"not one defect: {told}"
    return case


def editing(image: bytes, mask: bytes | None = None, **told: Any) -> Case:
    """A valid request for a change to a picture, as a form."""
    files = {"image": [File(image, "image.png", "image/png")]}
    if mask is not None:
        files["mask"] = File(mask, "mask.png", "image/png")  # type: ignore[assignment]
    value = {"model": "gpt-image-1.5", "prompt": "A red fox in it", "size": "1024x1024", **told, **files}
    case = case_of(IMAGES, EDIT, "multipart/form-data", value)
    assert labelled(case) is None, f"not valid: {case}"
    return case


def about_models(name: str | None = None) -> Case:
    """A question about all models, or about one."""
    if name is None:
        return Case(IMAGES, MODELS)
    return Case(IMAGES, MODEL, path_parameters={"model": name})


def asking_in_vain() -> Case:
    """A question about a task nobody has."""
    return unknown_task(IMAGES, TASK)


# --- answers ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """What a link leads to; `problem` says why to nothing, `again` what the second look finds otherwise."""

    data: bytes = b""
    media: str = "image/png"
    problem: str = ""
    again: str = ""


def pictures(*data: bytes, **more: Any) -> dict[str, Any]:
    """The body of an answer with these pictures in base64."""
    return {"created": int(NOW), "data": [{"b64_json": in_base64(one)} for one in data], **more}


def links(*urls: str) -> dict[str, Any]:
    """The body of an answer with these links."""
    return {"created": int(NOW), "data": [{"url": url} for url in urls]}


def error(code: str | None, param: str | None, message: str = "This is not possible.", **more: Any) -> dict[str, Any]:
    """The body of a refusal."""
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code, **more}}


def refusal(defect: Defect | None) -> dict[str, Any]:
    """The body of the right refusal of a defect."""
    assert defect is not None
    wanted = IMAGES.problem(defect.problem).fields.get("error-param")
    return error(defect.code, defect.param if wanted == "{param}" else wanted)


def exchange(
    case: Case,
    body: Any,
    status: int = 200,
    headers: Mapping[str, str] = HEADERS,
    targets: Mapping[str, Target] | None = None,
    parent: Exchange | None = None,
    seconds: float = 1.0,
    **more: Any,
) -> Exchange:
    """A request and its answer, pictures looked at as the provider looks at them; `body` is bytes or a JSON value."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    response = Response(status, headers, raw)
    try:
        response.value = decode(raw, events.MEDIA_TYPE if response.media == events.MEDIA_TYPE else "application/json")
    except Undecodable:
        response.value = None
    found = Exchange(case, "https://api.example" + case.path, case.headers, response, NOW, seconds, 1, parent, **more)
    if found.succeeded:
        found.pictures = [
            _seen(meaning.role, meaning.pointer, meaning.raw, targets or {}) for meaning in found.image_meanings
        ]
        found.unfinished = [_seen(m.role, m.pointer, m.raw, {}) for m in found.unfinished_meanings]
        found.covers = [_seen(m.role, m.pointer, m.raw, targets or {}) for m in found.cover_meanings]
    return found


def _seen(role: str, pointer: str, raw: Any, targets: Mapping[str, Target]) -> Seen:
    if not isinstance(raw, str) or not raw:
        return unreachable(role, pointer, str(raw), "it is empty")
    if role == "image-b64":
        data, complaint = decode_base64(raw)
        return look(role, pointer, raw, data) if data else unreachable(role, pointer, raw, complaint)
    target = targets.get(raw, Target(drawn()))
    if target.problem:
        return unreachable(role, pointer, raw, target.problem)
    return replace(look(role, pointer, raw, target.data, media_type(target.media)), again=target.again)


# --- streams ----------------------------------------------------------------------------------------

STREAMED: dict[str, Any] = {**GPT, "stream": True, "partial_images": 2}
STREAM_HEADERS = {**HEADERS, "content-type": "text/event-stream"}
TOKENS = {"input_tokens": 11, "output_tokens": 272, "total_tokens": 283}


def event(kind: str, data: bytes, **more: Any) -> dict[str, Any]:
    """One event with a picture."""
    name = f"image_generation.{kind}"
    told = {"size": "1024x640", "quality": "low", "background": "opaque", "output_format": "png", **more}
    return {"event": name, "data": {"type": name, "b64_json": in_base64(data), "created_at": int(NOW), **told}}


def partial(index: int, **more: Any) -> dict[str, Any]:
    """An unfinished picture: the finished one, less blurred each time."""
    return event("partial_image", blurred(index), **{"partial_image_index": index, **more})


def finished(**more: Any) -> dict[str, Any]:
    """The finished picture."""
    return event("completed", drawn(1024, 640), **{"usage": TOKENS, **more})


def failing(message: str = "Out of paint") -> dict[str, Any]:
    """A failure on the way."""
    return {"event": "error", "data": {"type": "error", **error("image_generation_failed", None, message)}}


def stream(*told: Mapping[str, Any] | bytes, asked: Mapping[str, Any] = STREAMED) -> Exchange:
    """A stream that was asked for; an event, or bytes as they came."""
    body = b"".join(one if isinstance(one, bytes) else events.frame(one) for one in told)
    return exchange(asking(asked), body, headers=STREAM_HEADERS)


# --- tasks ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Poll:
    """One answer about a task. `data` None: no pictures; `more` replaces members of the task."""

    status: str
    progress: str
    data: Any = None
    times: tuple[int, int, int] = (int(NOW), 0, 0)
    more: tuple[tuple[str, Any], ...] = ()
    http: int = 200

    @property
    def body(self) -> Any:
        """The answer's body."""
        if self.http != 200:
            return error(None, None, "Something broke.")
        submitted, started, finished = self.times
        told = {
            "task_id": TASK_ID,
            "action": "generate",
            "status": self.status,
            "fail_reason": "",
            "submit_time": submitted,
            "start_time": started,
            "finish_time": finished,
            "progress": self.progress,
            "data": self.data,
        }
        return {"code": "success", "message": "", "data": {**told, **dict(self.more)}}


QUEUED = Poll("QUEUED", "0%")
RUNNING = Poll("IN_PROGRESS", "40%", times=(int(NOW), int(NOW) + 1, 0))
FAILED = Poll(
    "FAILURE", "40%", times=(int(NOW), int(NOW) + 1, int(NOW) + 2), more=(("fail_reason", "It was too hard."),)
)


def done(**changes: Any) -> Poll:
    """The last answer about a task that went well."""
    whole = Poll("SUCCESS", "100%", pictures(drawn()), (int(NOW), int(NOW) + 1, int(NOW) + 3))
    return replace(whole, **changes)


def task(*polls: Poll, told: Mapping[str, Any] = CHEAP, gave_up: str = "") -> Exchange:
    """A submit and what the polls said."""
    submit = exchange(asking(told, **{"async": "true"}), {"task_id": TASK_ID})
    question = Case(IMAGES, TASK, path_parameters={"task_id": TASK_ID})
    submit.polls = [exchange(question, poll.body, poll.http, parent=submit) for poll in polls]
    submit.gave_up = gave_up
    return submit


# --- tasks of another family, which repeat what was asked and link to themselves ---------------------

FLUX = PLAIN.contract("replicate")
FLUX_POLL = FLUX.operation("getPrediction")
FLUX_TOLD: dict[str, Any] = {"prompt": "A red fox", "seed": 7, "output_format": "png"}
FLUX_ID = "gm3qorzdhgbfurvjtvhg6dckhu"


def prediction(**more: Any) -> dict[str, Any]:
    """A task that has ended well; members are replaced."""
    link = f"https://api.example/v1/predictions/{FLUX_ID}"
    when = [datetime.fromtimestamp(NOW + at, UTC).isoformat() for at in (0, 1, 3)]
    return {
        "id": FLUX_ID,
        "model": "black-forest-labs/flux-schnell",
        "input": FLUX_TOLD,
        "output": [LINK],
        "error": None,
        "status": "succeeded",
        "created_at": when[0],
        "started_at": when[1],
        "completed_at": when[2],
        "metrics": {"predict_time": 2.0},
        "urls": {"get": link, "cancel": f"{link}/cancel"},
        **more,
    }


def predicted(**more: Any) -> Exchange:
    """A submit that was held until its task had ended; members of the answer are replaced."""
    case = json_case(FLUX, FLUX.operation("createFluxSchnell"), {"input": FLUX_TOLD})
    assert labelled(case) is None, f"not valid: {case}"
    return exchange(case, prediction(**more), 201, targets={LINK: Target(drawn(1024, 1024))})


def predictions(*told: Mapping[str, Any], about: Exchange | None = None) -> Exchange:
    """The list of this key's tasks, of whatever age; asked for when the task of an exchange has ended."""
    case = Case(FLUX, FLUX.operation("listPredictions"), about=About((about,)) if about else None)
    return exchange(case, {"previous": None, "next": None, "results": list(told)})


def followed(**more: Any) -> Exchange:
    """A submit, and a look at its task, which has ended; members of that are replaced."""
    submit = predicted(status="starting", output=None, completed_at=None, started_at=None, metrics={})
    question = Case(FLUX, FLUX_POLL, path_parameters={"prediction_id": FLUX_ID})
    drawn_there = {LINK: Target(drawn(1024, 1024))}
    submit.polls = [exchange(question, prediction(**more), parent=submit, targets=drawn_there)]
    return submit


def not_predicted(status: int, /, **more: Any) -> Exchange:
    """A question about a task nobody has, refused."""
    return exchange(unknown_task(FLUX, FLUX_POLL), {"detail": "There is none.", **more}, status)


# --- other families ----------------------------------------------------------------------------------

CHAT = PLAIN.contract("chat")
MIDJOURNEY = PLAIN.contract("midjourney")
IDEOGRAM = PLAIN.contract("ideogram")


def chatted(*endings: str, finish: str | None = "stop") -> Exchange:
    """A picture told by a chat model in pieces, why it ended, and what is sent behind that."""
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": int(NOW), "model": "gpt-4o-image"}
    pieces = [({"role": "assistant"}, None), ({"content": "Here: ![fox]("}, None), ({"content": f"{LINK})"}, None)]
    told = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": why}]}
        for delta, why in (*pieces, ({}, finish))
    ]
    body = b"".join(events.frame({"data": data}) for data in (*told, *endings))
    asked = {"model": "gpt-4o-image", "stream": True, "messages": [{"role": "user", "content": "A red fox"}]}
    return exchange(json_case(CHAT, CHAT.operation("createChatCompletion"), asked), body, headers=STREAM_HEADERS)


def imagined(grid: bytes = b"", doomed: bool = False, **more: Any) -> Exchange:
    """A submit, and a look at its task, which has ended with four pictures in one; members of it are replaced."""
    submit = exchange(
        json_case(MIDJOURNEY, MIDJOURNEY.operation("submitImagine"), {"prompt": "A red fox"}, doomed=doomed),
        {"code": 1, "description": "Submit success", "result": "1730621718151844"},
    )
    told = {"id": "1730621718151844", "action": "IMAGINE", "status": "SUCCESS", "progress": "100%", "imageUrl": LINK}
    question = Case(MIDJOURNEY, MIDJOURNEY.operation("fetchTask"), path_parameters={"id": "1730621718151844"})
    four = {LINK: Target(grid or quartered(*(drawn(index=index) for index in range(4))))}
    submit.polls = [exchange(question, {**told, **more}, parent=submit, targets=four)]
    return submit


def listed(*told: Mapping[str, Any], about: Exchange) -> Exchange:
    """Tasks asked for by the id of one that has ended."""
    case = json_case(MIDJOURNEY, MIDJOURNEY.operation("listTasks"), {"ids": [about.said("task-id")]})
    return exchange(replace(case, about=About((about,))), list(told))


def larger(data: bytes) -> bytes:
    """The same picture with twice the edge."""
    file = io.BytesIO()
    image = Image.open(io.BytesIO(data)).convert("RGB")
    image.resize((2 * image.width, 2 * image.height)).save(file, "PNG")
    return file.getvalue()


@cache
def framed(data: bytes) -> bytes:
    """The same picture in small, with white around it."""
    file, ground = io.BytesIO(), Image.new("RGB", (256, 256), "white")
    ground.paste(Image.open(io.BytesIO(data)).convert("RGB").resize((192, 192)), (32, 32))
    ground.save(file, "PNG")
    return file.getvalue()


@cache
def quartered(*quarters: bytes) -> bytes:
    """Four pictures in one."""
    grid, edge = Image.new("RGB", (512, 512)), 256
    for place, data in enumerate(quarters):
        grid.paste(Image.open(io.BytesIO(data)).convert("RGB"), (place % 2 * edge, place // 2 * edge))
    file = io.BytesIO()
    grid.save(file, "PNG")
    return file.getvalue()


def pressed(
    result: str = "1730621718159999", picture: bytes | None = None, grid_of: tuple[bytes, ...] = ()
) -> Exchange:
    """The first button of a grid: its submit, and a look at its task; the picture is what it brings."""
    word = "MJ::JOB::upsample::1::7bf4bdd1-0f00-4a4e-8c8b-1a2b3c4d5e6f"
    grid = imagined(quartered(*grid_of) if grid_of else b"", buttons=[{"customId": word, "label": "U1"}])
    offer = next(one for one in MIDJOURNEY.follow_ups.offered("IMAGINE", word.rpartition("::")[2]))
    told = {"taskId": grid.said("task-id"), "customId": word}
    case = replace(json_case(MIDJOURNEY, MIDJOURNEY.operation("submitAction"), told), about=About((grid,), offer))
    submit = exchange(case, {"code": 1, "description": "Submit success", "result": result})
    question = Case(MIDJOURNEY, MIDJOURNEY.operation("fetchTask"), path_parameters={"id": result})
    ended = {"id": result, "action": "UPSCALE", "status": "SUCCESS", "progress": "100%", "imageUrl": LINK}
    targets = {LINK: Target(picture or drawn(512, 512, index=7))}
    submit.polls = [exchange(question, ended, parent=submit, targets=targets)]
    return submit


def swapped(dimensions: str, status: int = 200) -> Exchange:
    """Two pictures in one of some dimensions, accepted or refused."""
    given = [f"data:image/png;base64,{in_base64(drawn(index=index))}" for index in (0, 1)]
    case = json_case(MIDJOURNEY, MIDJOURNEY.operation("submitBlend"), {"base64Array": given, "dimensions": dimensions})
    accepted = {"code": 1, "description": "Submit success", "result": "1730621718151844"}
    refusal = {"code": "banned", "description": "No.", "type": "upstream_error"}
    return exchange(labelled(case) or case, accepted if status < 300 else refusal, status)


def described(text: str | None) -> Exchange:
    """What a picture shows, in words."""
    case = case_of(
        IDEOGRAM,
        IDEOGRAM.operation("describe"),
        "multipart/form-data",
        {"image_file": File(drawn(), "fox.png", "image/png")},
    )
    return exchange(case, {"descriptions": [{"text": text}]})


def styled(style: str | None, **asked: Any) -> Exchange:
    """A picture that says which style it has."""
    told = {"image_request": {"prompt": "A red fox", "model": "V_2", **asked}}
    picture = {"url": LINK, "prompt": "A red fox", "resolution": "1024x1024", "seed": 7, "style_type": style}
    body = {"created": datetime.fromtimestamp(NOW, UTC).isoformat(), "data": [picture]}
    case = json_case(IDEOGRAM, IDEOGRAM.operation("generate"), told)
    assert labelled(case) is None, f"not valid: {case}"
    return exchange(case, body, targets={LINK: Target(drawn(1024, 1024))})


# --- judging ----------------------------------------------------------------------------------------


def whole(judged: Exchange) -> Iterable[Exchange]:
    """An exchange and its polls."""
    return (judged, *judged.polls)


def broken(judged: Exchange) -> dict[str, Broken]:
    """Every clause an exchange or one of its polls breaks."""
    verdicts = [(clause.id, clause.judge(part)) for part in whole(judged) for clause in judging("exchange")]
    return {id_: verdict for id_, verdict in verdicts if isinstance(verdict, Broken)}
