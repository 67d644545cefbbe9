"""Models of a provider's own: those it lists where it lists none that a contract knows.

Without one of them nothing could be asked of such a provider. Which of its models make pictures no list says, so those
are taken whose names sound like it, of a short list all; each is asked for in a request that is refused for something
else by whoever has it, and costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from contract_tests.budget import BudgetSpent
from contract_tests.capabilities import Capabilities
from contract_tests.connection import CouldNotLook
from contract_tests.provider import Provider
from spec.contract import Contract
from spec.profiles import Profile

_MOST = 2  # that are taken: what one does the others do
_TRIED = 4
_FEW = 6  # of so many names all may be asked about
_PICTURES = re.compile(r"ima?ge?|pict|photo|draw|paint|pixel|canvas|diffusion|dream|art", re.IGNORECASE)


def of_its_own(provider: Provider, profile: Profile, contracts: Sequence[Contract]) -> tuple[str, tuple[str, ...]]:
    """The models to ask for where no contract knows any of those listed, and their family; empty elsewhere.

    Of that family only: what paints there may be unknown, or a model that writes, in another. Sends free requests.
    """
    for contract in contracts:
        known = {model.name for model in contract.models}
        try:
            listed = list(Capabilities(provider, (contract,)).listed) if known else []
            if listed and known.isdisjoint(listed):
                return contract.name, _asked_for(provider, profile, contract, _likely(listed))
        except (CouldNotLook, BudgetSpent):
            break
    return "", ()


def _likely(listed: Sequence[str]) -> list[str]:
    likely = [name for name in listed if _PICTURES.search(name)]
    return (likely or (list(listed) if len(listed) <= _FEW else []))[:_TRIED]


def _asked_for(provider: Provider, profile: Profile, contract: Contract, names: Sequence[str]) -> tuple[str, ...]:
    """Those of these models that the provider does not refuse; where it refuses nothing for its model, the first."""
    if not names:
        return ()
    [offered] = profile.contracts((contract.name,), names)
    found = Capabilities(provider, (offered,)).probed(tuple(names))
    return (found.names if found.certain else tuple(names))[:_MOST]
