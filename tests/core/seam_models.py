"""The pydantic models that stand in types_matrix.txt."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, RootModel, computed_field, field_validator, model_validator

T = TypeVar("T")


class Alarm(BaseModel):
    tag: str
    value: float = 0.0


class LoudAlarm(Alarm):
    volume: int = 1


class OtherAlarm(BaseModel):
    """As a second version of a plugin declares it."""

    tag: str
    value: float = 1.0


class AlarmWithUnit(BaseModel):
    tag: str
    value: float
    unit: str = "bar"


class TextAlarm(BaseModel):
    tag: str
    value: str


class CheckedAlarm(BaseModel):
    tag: str
    value: float

    @field_validator("tag")
    @classmethod
    def not_empty(cls, tag: str) -> str:
        assert tag
        return tag


class WholeAlarm(Alarm):
    @model_validator(mode="after")
    def whole(self) -> WholeAlarm:
        return self


class LaterWholeAlarm(WholeAlarm):
    pass


class ShowingAlarm(BaseModel):
    tag: str
    value: float

    @computed_field
    def shown(self) -> str:
        return self.tag


class LooseAlarm(BaseModel):
    model_config = ConfigDict(extra="allow")
    tag: str
    value: float


class Renewed(BaseModel):
    model_config = ConfigDict(revalidate_instances="always")
    tag: str


class Shift(BaseModel):
    alarms: list[Alarm]
    first: Alarm | None = None


class OtherShift(BaseModel):
    alarms: list[OtherAlarm]
    first: OtherAlarm | None = None


class Tree(BaseModel):
    children: list[Tree] = []


class OtherTree(BaseModel):
    children: list[OtherTree] = []


class Box(BaseModel, Generic[T]):
    held: T


class Root(RootModel[int]):
    pass


class OtherRoot(RootModel[int]):
    pass
