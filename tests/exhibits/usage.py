"""What answers count."""

from __future__ import annotations

from typing import Any

from faulty import CHEAP, GPT, TOKENS, asking, drawn, exchange, pictures

from contract_tests.exchange import Exchange
from exhibits import WIDE, breaks, faithful, silent


def _counting(**usage: Any) -> Exchange:
    return exchange(asking(GPT), pictures(drawn(*WIDE), quality="low", usage={**TOKENS, **usage}))


@breaks("usage.parts", "12")
def a_part_larger_than_its_whole() -> Exchange:
    return _counting(input_tokens_details={"image_tokens": 12})


@breaks("usage.output", "1", also=("usage.sums", "usage.plausible"))
def pictures_counted_for_tokens() -> Exchange:
    return _counting(output_tokens=1)


@breaks("usage.output", "0", also=("usage.input", "usage.plausible"))
def nothing_counted() -> Exchange:
    return _counting(input_tokens=0, output_tokens=0, total_tokens=0)


@breaks("usage.output-image", "0")
def pictures_counted_as_text() -> Exchange:
    return _counting(output_tokens_details={"image_tokens": 0, "text_tokens": 272})


@breaks("usage.input", "0")
def a_prompt_that_costs_nothing() -> Exchange:
    return _counting(input_tokens=0, total_tokens=272)


@faithful
def twice_as_much_as_the_rule_says() -> Exchange:
    return _counting(output_tokens=214, total_tokens=225)


@faithful
def counts_with_more_beside_them() -> Exchange:
    return _counting(cost=0.01, images=1, output_tokens_details={"image_tokens": 272, "text_tokens": 0, "reasoning": 0})


@silent("usage.sums", "usage.parts", "usage.output", "usage.output-image", "usage.input")
@faithful
def no_counts_at_all() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn()))
