"""What a rule looks at: one documented operation beside the contract's operation for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from contract_tests.documents.document import (
    Document,
    DocumentedOperation,
    DocumentedParameter,
    DocumentedResponse,
    Example,
)
from contract_tests.documents.json_text import Part, Place
from contract_tests.documents.schemas import Property, judging, listed, properties, required_names, specimen
from spec import forms
from spec.contract import Contract, Operation, Parameter
from spec.language import IMAGE_ROLES, Schema, walk
from spec.messages import is_json
from spec.reader import Reader
from spec.shapes import Shape, shape_of

_PARAMETER = re.compile(r"\{+[^{}]*\}+")
_PICTURE_LINK = re.compile(r"(https?://\S+\.(png|jpe?g|webp|gif|bmp)(\?\S*)?|data:image/\S+)", re.IGNORECASE)

#: what an answer is there for: pictures, or the task that makes them
PURPOSES = IMAGE_ROLES | {"task-id", "task-result"}


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the request body by its role: the contract's schema of it, and the document's if it declares it.

    `required` is None where the document cannot say.
    """

    name: str
    contract: Schema
    required_by_contract: bool
    declared: Property | None
    required: bool | None
    required_place: Place

    @property
    def schema(self) -> Schema:
        """The documented schema; empty where the field is not declared."""
        return self.declared.schema if self.declared else {}

    @property
    def description(self) -> str:
        """What the document says about the field in words."""
        return str(self.schema.get("description", ""))

    @property
    def listed(self) -> list[Any]:
        """The values the document lists for the field."""
        return listed(self.schema) or []

    def says(self, *keywords: str) -> list[Any]:
        """What the documented schema, its alternatives included, has under any of the keywords."""
        return [part[keyword] for part in judging(self.schema) for keyword in keywords if keyword in part]


@dataclass(frozen=True)
class Subject:
    """One documented operation, and what the contract says about it."""

    document: Document
    documented: DocumentedOperation
    contract: Contract
    operation: Operation

    @cached_property
    def request(self) -> Schema:
        """The contract's schema of the request body, in the media type the document has it in."""
        media = self.documented.body.media if self.documented.body else ()
        named = next((text.text for text in media if text.text in self.operation.body), None)
        return self.operation.body[named] if named else _json_schema(self.operation.body)

    @cached_property
    def answer(self) -> Schema:
        """The contract's schema of the successful answer."""
        return _json_schema(self.operation.success.content)

    @cached_property
    def body(self) -> Part:
        """The documented schema of the request body; empty where there is none."""
        schema = self.documented.body.schema if self.documented.body else None
        place = self.documented.body.place if self.documented.body else self.documented.place
        return schema or Part({}, {"": place})

    @cached_property
    def declared(self) -> Mapping[str, Property]:
        """The fields of the request body that the document declares."""
        return properties(self.body)

    @cached_property
    def fields(self) -> Mapping[str, Field]:
        """The request body's fields by role; of several of one role what counts first."""
        shape = shape_of(self.request, {})
        required = required_names(self.body)
        said: dict[str, tuple[str, Schema]] = {}
        for name, schema in shape.properties.items():
            if "x-role" in schema:
                said.setdefault(schema["x-role"], (name, schema))
        return {
            role: Field(
                name,
                schema,
                name in shape.required,
                self.declared.get(name),
                None if self.shown_only else name in required,
                required.get(name, self.body.at()),
            )
            for role, (name, schema) in said.items()
        }

    @property
    def shown_only(self) -> bool:
        """Whether the document has no schema of the request, only examples."""
        return self.documented.body is not None and self.documented.body.shown_only

    def field(self, role: str) -> Field | None:
        """The field with this role where the document declares it, else None; what is only shown has no more to say."""
        field = self.fields.get(role)
        return field if field and field.declared and not self.shown_only else None

    def place(self, field: Field) -> Place:
        """Where the document declares a field."""
        return self.body.at(field.declared.pointer) if field.declared else self.body.at()

    def parameter(self, role: str) -> tuple[Parameter, DocumentedParameter] | None:
        """The parameter with this role where the document has it, else None."""
        for parameter in self.operation.parameters:
            for documented in self.documented.parameters:
                if parameter.role == role and (parameter.name, parameter.location) == (
                    documented.name,
                    documented.location,
                ):
                    return parameter, documented
        return None

    @cached_property
    def models(self) -> tuple[str, ...]:
        """The models the contract knows, empty when it takes any."""
        field = self.fields.get("model")
        return tuple(model for model in (field.contract.get("enum", ()) if field else ()) if isinstance(model, str))

    def models_named(self, text: str) -> list[str]:
        """The contract's models that a text names."""
        return [model for model in self.models if re.search(rf"(?<![\w.-]){re.escape(model)}(?![\w-]|\.\d)", text)]

    @cached_property
    def documented_models(self) -> tuple[str, ...]:
        """The models of the contract that the document's own list allows, or all."""
        field = self.field("model")
        listed = field.listed if field else ()
        return tuple(model for model in self.models if model in listed) or self.models

    def shape(self, model: str) -> Shape:
        """The contract's request body for one model."""
        name = self.fields["model"].name
        return shape_of(self.request, {name: model})

    def request_values(self) -> Iterator[tuple[Example, Mapping[str, Any]]]:
        """The printed request bodies that are objects; those of a form as the contract's schema reads them."""
        body = self.documented.body
        is_form = body is not None and forms.MEDIA_TYPE in (text.text for text in body.media)
        for example in self.documented.request_examples:
            if isinstance(example.value, dict):
                yield example, self._form_value(example.value) if is_form else example.value

    def _form_value(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        """A form given as texts; a file stands for one of the kind its name tells."""
        parts = [
            forms.Part(name, str(text).encode(), str(text) if self._is_file(name) else None)
            for name, text in value.items()
        ]
        return forms.decode_form(forms.joined(parts, "form"), f"{forms.MEDIA_TYPE}; boundary=form", self.request)

    def _is_file(self, name: str) -> bool:
        declared = self.declared.get(name)
        return declared is not None and declared.schema.get("format") == "binary"

    def example_models(self) -> Iterator[tuple[Example, Mapping[str, Any], str]]:
        """(example, value, model) of the printed request bodies that name a model."""
        field = self.fields.get("model")
        for example, value in self.request_values():
            if field and isinstance(model := value.get(field.name), str):
                yield example, value, model

    @cached_property
    def purpose(self) -> frozenset[str]:
        """The roles an answer of this operation is there for: pictures, or the task that makes them."""
        return self.operation.response_roles & PURPOSES

    def meanings(self, value: Any) -> frozenset[str]:
        """The roles that can be read out of a successful answer."""
        return frozenset(meaning.role for meaning in Reader(self.answer).read(value))

    def promised(self, response: DocumentedResponse) -> frozenset[str]:
        """The roles a documented answer can carry, by its schema or its examples."""
        values = [specimen(response.schema.value)] if response.schema else []
        return frozenset().union(*map(self.meanings, [*values, *(example.value for example in response.examples)]))

    @cached_property
    def prose(self) -> str:
        """Everything the document says about the operation in words."""
        texts = [self.documented.title.text, *(text.text for text in self.documented.prose)]
        texts += [str(schema.get("description", "")) for _, schema in walk(self.body.value)]
        return "\n".join([*texts, *(parameter.description for parameter in self.documented.parameters)])


def plain_path(path: str) -> str:
    """A path without what may differ: names of parameters, a query, a slash at the end."""
    segments = path.partition("?")[0].rstrip("/").split("/")
    return "/".join("{}" if segment.startswith(":") else _PARAMETER.sub("{}", segment) for segment in segments)


def is_picture_link(value: Any) -> bool:
    """Whether a value is a link to a picture, or a picture as a data URL."""
    return isinstance(value, str) and _PICTURE_LINK.fullmatch(value) is not None


def _json_schema(content: Mapping[str, Schema]) -> Schema:
    media = next(filter(is_json, content), next(iter(content), ""))
    return content.get(media, {})
