"""Answers as they come over the wire: redirected, as a page, compressed, late, in another alphabet, out of a cache."""

from __future__ import annotations

import gzip
from dataclasses import replace

import orjson
from faulty import (
    CHEAP,
    HEADERS,
    about_models,
    asking,
    asking_wrongly,
    drawn,
    error,
    exchange,
    in_base64,
    pictures,
)

from contract_tests.exchange import Exchange
from exhibits import TOO_MANY, breaks, faithful, refused, silent

_JSON = "application/json"
PAGE = b"\n<!DOCTYPE html>\n<html><title>Just a moment...</title></html>"


@breaks("wire.answers", "no answer within 180 s")
def no_answer() -> Exchange:
    return exchange(asking(CHEAP), b"", 0, {}, broken="no answer within 180 s")


@breaks("wire.whole", "73 of 146 bytes")
def an_answer_cut_in_half() -> Exchange:
    return exchange(asking(CHEAP), b'{"created": 17', broken="the connection closed before the end: 73 of 146 bytes")


@silent("wire.answers", "wire.whole")
def hanging_up_on_bytes_nobody_sends() -> Exchange:
    case = asking_wrongly({**CHEAP, "n": 0})
    assert case.defect is not None
    return exchange(replace(case, defect=replace(case.defect, tolerated="parsers differ")), b"", 0, {}, broken="cut")


@silent("wire.fresh", "wire.no-paths", "wire.detour")
@breaks("wire.redirect", "308 to /v1/images/generations/", also=("wire.status", "wire.accepted"))
def a_redirect() -> Exchange:
    headers = {"x-request-id": "req_1", "location": "/v1/images/generations/"}
    return exchange(asking(CHEAP), b"", 308, headers)


@breaks("wire.detour", "308 to /v1/images/generations/")
def an_answer_after_a_redirect() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn()), detour="308 to /v1/images/generations/")


@breaks("wire.no-html", "<!doctype html>", also=("wire.schema", "wire.json", "images.count"))
def a_page_called_json() -> Exchange:
    return exchange(asking(CHEAP), PAGE)


@breaks("wire.encoding", "gzip", also=("wire.schema", "wire.json", "images.count"))
def json_compressed_in_secret() -> Exchange:
    return exchange(asking(CHEAP), gzip.compress(orjson.dumps(pictures(drawn()))))


@breaks("wire.heartbeat", "40 blanks")
def blanks_to_keep_the_connection_open() -> Exchange:
    return exchange(asking(CHEAP), b" " * 40 + orjson.dumps(pictures(drawn())))


@breaks("wire.duplicate-keys", "'created'")
def a_name_twice() -> Exchange:
    body = orjson.dumps(pictures(drawn()))
    return exchange(asking(CHEAP), body[:-1] + b',"created":1800000000}')


@breaks("wire.duplicate-keys", "'url'")
def a_name_twice_inside() -> Exchange:
    picture = in_base64(drawn())
    body = f'{{"created":1800000000,"data":[{{"b64_json":"{picture}","url":null,"url":null}}]}}'
    return exchange(asking(CHEAP), body.replace('"url":null', '"url":"https://cdn.example/1.png"').encode())


@breaks("wire.charset", "iso-8859-1")
def json_called_latin() -> Exchange:
    return exchange(
        asking(CHEAP), pictures(drawn()), headers={**HEADERS, "content-type": f"{_JSON}; charset=ISO-8859-1"}
    )


@breaks("wire.headers", "'soon'")
def a_wait_in_words() -> Exchange:
    return exchange(asking(CHEAP), error("rate_limit_exceeded", None), 429, {**HEADERS, "retry-after": "soon"})


@breaks("wire.headers", "'sniff'")
def another_constant() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn()), headers={**HEADERS, "x-content-type-options": "sniff"})


@breaks("wire.headers", "''")
def a_version_that_is_empty() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn()), headers={**HEADERS, "openai-version": ""})


@faithful
def a_constant_in_capitals() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn()), headers={**HEADERS, "x-content-type-options": "NoSniff"})


@breaks("wire.fresh", "3600 s old")
def a_picture_out_of_a_cache() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn()), headers={**HEADERS, "age": "3600"})


@silent("wire.no-html", "wire.encoding", "wire.heartbeat", "wire.duplicate-keys", "wire.charset")
@breaks("wire.json", "0 bytes", also=("wire.schema", "images.count"))
def nothing_at_all() -> Exchange:
    return exchange(asking(CHEAP), b"")


@silent("wire.headers")
@breaks("wire.request-id", "no such header")
def no_header_but_the_type() -> Exchange:
    return refused(asking_wrongly(TOO_MANY), headers={"content-type": _JSON})


@faithful
def a_wait_until_a_date() -> Exchange:
    headers = {**HEADERS, "retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}
    return exchange(asking(CHEAP), error("rate_limit_exceeded", None), 429, headers)


@faithful
def a_version_and_a_realm_of_its_own() -> Exchange:
    headers = {
        **HEADERS,
        "openai-version": "2026-01-01",
        "www-authenticate": "Bearer",
        "content-type": f'{_JSON}; charset="UTF-8"',
    }
    return exchange(asking(CHEAP), pictures(drawn()), headers=headers)


@faithful
def a_fresh_answer_by_way_of_a_cdn() -> Exchange:
    return exchange(
        asking(CHEAP), pictures(drawn()), headers={**HEADERS, "age": "0", "x-cache": "MISS", "via": "1.1 x"}
    )


@silent("wire.fresh")
@faithful
def a_list_of_models_out_of_a_cache() -> Exchange:
    told = {"object": "list", "data": [{"id": "gpt-image-2", "object": "model"}]}
    return exchange(about_models(), told, headers={**HEADERS, "age": "60"})
