"""A fact that needs a call is known or unknown, never guessed."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypeAliasType

from upgrade.errors import FactUnknown

T = TypeVar("T")


class Value(BaseModel):
    """A frozen value of ours; unknown keys are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Known(Value, Generic[T]):
    known: Literal[True] = True
    value: T


class Unknown(Value):
    """A fact that could not be read.

    Args:
        reason: why, in one sentence.
        permission: the missing permission (``eks:ListInsights``, ``list pods``), when that is why.
        chosen: True when somebody chose not to look; it is shown, and never blocks.
    """

    known: Literal[False] = False
    reason: str
    permission: str | None = None
    chosen: bool = False


Fact = TypeAliasType("Fact", Annotated[Known[T] | Unknown, Field(discriminator="known")], type_params=(T,))


def need(fact: Known[T] | Unknown) -> T:
    """The value of a fact. Raises FactUnknown when it could not be read."""
    if isinstance(fact, Unknown):
        raise FactUnknown(fact.reason, fact.permission, chosen=fact.chosen)
    return fact.value


def known(value: T) -> Known[T]:
    return cast("Known[T]", Known[Any](value=value))
