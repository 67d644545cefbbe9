"""JSON out of a document, asked by pointer: objects of a list, texts, schemas, examples, each with its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from contract_tests.documents.document import Example, Text, example, example_value
from contract_tests.documents.json_text import JsonText, Part, value_at
from contract_tests.documents.schemas import schema_part


@dataclass(frozen=True, slots=True)
class Tree:
    """A JSON text and what stands where in it."""

    json: JsonText

    @property
    def part(self) -> Part:
        """All of it."""
        return self.json.part

    def items(self, pointer: str) -> Iterator[str]:
        """The pointers of the objects in the list at `pointer`."""
        found = value_at(self.part.value, pointer)
        for index, item in enumerate(found if isinstance(found, list) else ()):
            if isinstance(item, dict):
                yield f"{pointer}/{index}"

    def text(self, pointer: str) -> Text | None:
        """The text at `pointer`, None where there is none."""
        found = value_at(self.part.value, pointer)
        return Text(found, self.part.at(pointer)) if isinstance(found, str) else None

    def texts(self, *pointers: str) -> tuple[Text, ...]:
        """The texts at the pointers, as far as there are any."""
        return tuple(text for pointer in pointers if (text := self.text(pointer)))

    def schema(self, pointer: str) -> Part | None:
        """The schema at `pointer`, None where there is none."""
        if not isinstance(value_at(self.part.value, pointer), dict):
            return None
        return schema_part(self.part.below(pointer))

    def example(self, pointer: str) -> Example | None:
        """The example at `pointer`: a text with JSON in it, or the value itself."""
        found = value_at(self.part.value, pointer)
        if isinstance(found, str):
            return example(found, self.json.inside(pointer), quoted=True)
        return None if found is None else example_value(self.part.below(pointer))
