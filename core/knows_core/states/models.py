"""State models: keys, types and defaults of a template's state, declared as one pydantic model.

The only room that works with pydantic. A template without a model never gets here, and never imports pydantic.
Validation is strict, and its errors name the place and the rule but never the rejected value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from knows_core.checking.judgement import UNKNOWN
from knows_core.errors import StateMismatch
from knows_core.state import ERROR_KEY, Attempt, Changes
from knows_core.states.joining import Reducer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel, ValidationError


class TypedState:
    """A state model in its part of a run of one template."""

    def __init__(self, model: type[BaseModel], template: str) -> None:
        self._model = model
        self._template = template
        self.reducers = {
            name: mark
            for name, field in model.model_fields.items()
            for mark in field.metadata
            if isinstance(mark, Reducer)
        }
        self.required = [name for name, field in model.model_fields.items() if field.is_required()]

    def fill(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values with the model's defaults added. Raises StateMismatch for a value that does not fit."""
        return {**values, **self._checked(values, where=self._template)}

    def from_person(self, values: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
        """Convert what a person typed to the declared types; what cannot be converted stays, for `fill` to refuse.

        `texts` are the values as they were typed: where text is declared, `007` is text and not a number.
        """
        from pydantic import ValidationError  # only templates with a state model pay for it

        candidate = dict(values)
        for _ in range(2):
            try:
                fitting = self._model.__pydantic_validator__.validate_python(candidate, by_name=True).__dict__
            except ValidationError as error:
                misfits = {one["loc"][0] for one in _rules(error) if one["loc"]}
                candidate |= {key: text for key, text in texts.items() if key in misfits}
            else:
                return {key: fitting.get(key, value) for key, value in candidate.items()}
        return dict(values)

    def working_copy(self, attempt: Attempt) -> BaseModel:
        """The attempt's state as an instance of the model, for one step to read and assign."""
        keys = attempt if self._model.model_config.get("extra") == "allow" else self._model.model_fields
        values = {name: attempt[name] for name in keys if name in attempt and name != ERROR_KEY}
        return self._model.model_construct(set(values), **values)

    def take_back(self, copy: BaseModel, attempt: Attempt) -> None:
        """Write into the attempt what the step assigned and deleted on its working copy."""
        fields = {name: value for name, value in copy.__dict__.items() if name in self._model.model_fields}
        held = {**fields, **(copy.__pydantic_extra__ or {})}
        for name, value in held.items():
            if name not in attempt or attempt[name] is not value:
                attempt[name] = value
        for name in self._model.model_fields.keys() - held.keys():
            attempt.pop(name, None)

    def checked(self, step: str, changes: Changes, values: Mapping[str, Any]) -> Changes:
        """The changes as validation gives them back. Raises StateMismatch unless `values`, with them, fit the model."""
        fitting = self._checked(values, where=f"{self._template} after step {step}")
        return changes._replace(written={key: fitting.get(key, value) for key, value in changes.written.items()})

    def _checked(self, values: Mapping[str, Any], *, where: str) -> dict[str, Any]:
        from pydantic import ValidationError  # only templates with a state model pay for it

        given = {key: value for key, value in values.items() if key != ERROR_KEY}
        try:
            instance = self._model.__pydantic_validator__.validate_python(given, strict=True, by_name=True)
        except ValidationError as error:
            problems = _sentences(self._model, error)
        else:
            return dict(instance.__dict__)
        # Raised here, outside the handler: the chained pydantic error would carry the rejected values along.
        facts = {
            "where": f"state of {where}",
            "model": self._model.__name__,
            "problems": problems,
            "template": self._template,
        }
        raise StateMismatch(**facts)


def _sentences(model: type[BaseModel], error: ValidationError) -> str:
    sentences: list[str] = []
    for one in _rules(error):
        place = ".".join(map(str, one["loc"])) or "the state"
        if one["type"] == "extra_forbidden":
            sentences.append(f"{place} is not one of its keys ({', '.join(model.model_fields)})")
        else:
            sentences.append(f"{place}: {one['msg']}")
    return "; ".join(sentences)


def state_schema(model: type[BaseModel] | None, required: list[str]) -> dict[str, Any]:
    """The JSON Schema of a template's state; without a model, the required keys with values of any type."""
    if model is not None:
        return model.model_json_schema()
    return {"type": "object", "properties": {key: {} for key in required}, "required": required}


def value_schema(annotation: Any) -> dict[str, Any]:
    """The JSON Schema of a template's input or output; anything, where its type is not declared or has none."""
    from pydantic import PydanticUndefinedAnnotation, PydanticUserError, TypeAdapter  # as above

    if annotation is UNKNOWN:
        return {}
    try:
        return TypeAdapter(annotation).json_schema()
    except (PydanticUndefinedAnnotation, PydanticUserError):
        return {}


def input_from_person(annotation: Any, value: Any, template: str, where: str = "input") -> Any:
    """Convert a value that a person typed as JSON to the annotated type. Raises StateMismatch."""
    from pydantic import TypeAdapter, ValidationError  # as above

    try:
        return TypeAdapter(annotation).validate_python(value, by_name=True)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in _rules(error))
    name = getattr(annotation, "__name__", str(annotation))
    raise StateMismatch(where=f"{where} of {template}", model=name, problems=problems, template=template)


def _rules(error: ValidationError) -> list[Any]:
    """The errors without what was rejected: it may be a secret."""
    return list(error.errors(include_input=False, include_context=False, include_url=False))
