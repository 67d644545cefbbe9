"""A recording as it is played: the answers of requests that mean the same follow each other, the last one stays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from mockserver.replay.meaning import Meaning, meaning_of
from spec.recordings.reading import Recorded

_MOST_TOLD = 6


@dataclass(slots=True)
class Track:
    """Requests that mean the same, in the order they were recorded. `played` counts how often one was asked."""

    meaning: Meaning
    recorded: list[Recorded] = field(default_factory=list)
    played: int = 0

    def next(self) -> Recorded:
        """The answer whose turn it is; the last one again when all have had theirs."""
        found = self.recorded[min(self.played, len(self.recorded) - 1)]
        self.played += 1
        return found

    def counted(self) -> Iterator[tuple[Recorded, int]]:
        """Each answer, and how often it was played."""
        last = len(self.recorded) - 1
        for turn, each in enumerate(self.recorded):
            left = max(0, self.played - turn)
            yield each, left if turn == last else min(1, left)


@dataclass(frozen=True, slots=True)
class Nearest:
    """The recorded request most like one that was not recorded, and in what they differ."""

    recorded: Recorded
    differences: Sequence[str]

    def __str__(self) -> str:
        told = "; ".join(self.differences[:_MOST_TOLD])
        more = len(self.differences) - _MOST_TOLD
        and_more = f"; and {more} more" if more > 0 else ""
        return f"entry {self.recorded.number}, {self.recorded.method} {self.recorded.url.path}: {told}{and_more}"


class Tape:
    """A recording. What it cannot answer (`Recorded.missing`) is left out."""

    def __init__(self, recorded: Iterable[Recorded]) -> None:
        self.missing: list[Recorded] = []
        self._tracks: dict[Meaning, Track] = {}
        for each in recorded:
            if each.missing:
                self.missing.append(each)
                continue
            meaning = meaning_of(each.method, each.url.path, each.url.query.items(), each.body, each.media)
            self._tracks.setdefault(meaning, Track(meaning)).recorded.append(each)

    @property
    def recorded(self) -> list[Recorded]:
        """What can be played."""
        return [each for track in self._tracks.values() for each in track.recorded]

    def __len__(self) -> int:
        return len(self.recorded)

    def find(self, asked: Meaning) -> Track | None:
        """The requests that mean this: with the very path, else with one that ends so."""
        if (exact := self._tracks.get(asked)) is not None:
            return exact
        tracks = self._tracks.values()
        fitting = [each for each in tracks if asked.has_path_of(each.meaning) and asked.says(each.meaning)]
        return min(fitting, key=lambda track: (track.meaning.body is None, len(track.meaning.path)), default=None)

    def nearest(self, asked: Meaning) -> Nearest | None:
        """The recorded request most like one that was not found; None in an empty recording."""
        compared = [(track, asked.differences(track.meaning)) for track in self._tracks.values()]
        if not compared:
            return None

        def distance(pair: tuple[Track, list[str]]) -> tuple[int, int, int]:
            track, told = pair
            return (
                not asked.has_path_of(track.meaning),
                len(told) + 2 * (asked.method != track.meaning.method),
                -_shared(asked.path, track.meaning.path),
            )

        track, told = min(compared, key=distance)
        return Nearest(track.recorded[0], told)

    def counted(self) -> list[tuple[Recorded, int]]:
        """Each answer as it was recorded, and how often it was played."""
        told = [(each, times) for track in self._tracks.values() for each, times in track.counted()]
        return sorted(told, key=lambda one: one[0].number)

    def methods(self, path: str) -> set[str]:
        """The methods with which a path was asked."""
        return {track.meaning.method for track in self._tracks.values() if track.meaning.path.endswith(path)}

    def rewind(self) -> None:
        """From the beginning."""
        for track in self._tracks.values():
            track.played = 0


def _shared(one: str, other: str) -> int:
    """How many parts two paths have in common at their ends."""
    pairs = zip(reversed(one.split("/")), reversed(other.split("/")), strict=False)
    return next((index for index, (a, b) in enumerate(pairs) if a != b), min(one.count("/"), other.count("/")))
