"""Descriptions: what a model that looks at pictures, or at prompts, says of them in words. The same for the same."""

from __future__ import annotations

import random
from collections.abc import Sequence

_FORMS = ("A photograph of", "A watercolour of", "An isometric view of", "A poster of")
_MOTIFS = ("hills under a wide sky", "a quiet valley", "a ridge at dusk", "fields in two colours")
_LIGHTS = ("in morning light", "after rain", "under a low sun", "in flat colours")


def descriptions(prompt: str, digests: Sequence[str]) -> list[str]:
    """Four of them: of pictures, by the digests of their bytes, or of a prompt."""
    chosen = random.Random("".join([prompt, *digests]))
    motif = " ".join(prompt.split()[:12])
    return [f"{form} {motif or chosen.choice(_MOTIFS)}, {chosen.choice(_LIGHTS)}" for form in _FORMS]
