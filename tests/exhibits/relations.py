"""Answers about parameters nobody knows: the clause of relations that judges one answer."""

from __future__ import annotations

from faulty import CHEAP, asking, asking_wrongly, drawn, exchange, pictures

from contract_tests.exchange import Exchange
from exhibits import breaks, faithful, refused, silent

ODD = {**CHEAP, "imageproof_unknown": 1}


@breaks("meta.unknown-parameter", "2", also=("refusal.unknown-parameter",))
def two_pictures_for_a_parameter_nobody_knows() -> Exchange:
    return exchange(asking_wrongly(ODD), pictures(drawn(), drawn(index=1)))


@faithful
def a_parameter_nobody_knows_refused() -> Exchange:
    return refused(asking_wrongly(ODD))


@silent("meta.unknown-parameter")
def no_parameter_nobody_knows() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn()))
