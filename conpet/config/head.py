"""Which head maps representations to class scores, in a long and a short way to write it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from conpet.config.strict import Strict, merge

ROWS = ("grow", "fixed")
#: the types that are trained with the task; all others are fitted after it
TRAINED = ("softmax", "cosine")


class Head(Strict):
    """The head: ``grow``, ``fixed`` or a type's name where nothing else is said of it.

    ``type`` is a file of conpet/heads: ``softmax`` and ``cosine`` are trained; ``ncm``, ``lda`` and
    ``ranpac`` are fitted after the task, on representations, and the training before it goes on
    with a softmax head. ``config`` are the type's own options. ``rows`` of the trained head:
    ``grow`` (they come with their task) or ``fixed`` (all from the start, as the authors have it).
    ``samples`` that a fitted head is fitted on: the ``plan``'s, so many of each class, drawn once,
    all of the ``history``, or the newest task's beside what is ``kept`` of earlier ones, which
    follows the drift of the space (``ncm`` and ``lda``). ``layers``: how many of the backbone's
    last layers a fitted head reads, side by side (:func:`conpet.models.layers.side_by_side`).
    ``adapter`` that it reads through: the ``last`` task's, or the ``mean`` over tasks
    (:mod:`conpet.learners.slow`). ``beside``: whether a head of the same type on the ``frozen``
    backbone answers beside it (:mod:`conpet.learners.beside`).
    """

    type: str = "softmax"
    rows: Literal["grow", "fixed"] = "grow"
    samples: Literal["plan", "kept", "history"] | Annotated[int, Field(ge=1, le=1_000_000)] = "plan"
    config: dict[str, Any] = {}
    layers: Annotated[int, Field(ge=1, le=1000)] = 1
    adapter: Literal["last", "mean"] = "last"
    beside: Literal["none", "frozen"] = "none"

    @property
    def fitted(self) -> bool:
        """Whether it is fitted after the task."""
        return self.type not in TRAINED

    @model_validator(mode="before")
    @classmethod
    def _from_short(cls, value: Any) -> Any:
        return _long(value)

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> Any:
        # texts of stages and states say what they said before there were other heads
        if self == Head(rows=self.rows):
            return self.rows
        if self == Head(type=self.type):
            return self.type
        said: dict[str, Any] = handler(self)
        usual = {"layers": 1, "adapter": "last", "beside": "none"}
        return {key: value for key, value in said.items() if value != usual.get(key, ...)}


def _long(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return {"rows": value} if value in ROWS else {"type": value}


def over(old: Any, new: Any) -> Any:
    """Return what a layer of the config says of the head, laid over what was said before.

    Another type brings options of its own, but the rows stay: what is trained stays the same.
    """
    old, new = _long(old), _long(new)
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    if new.get("type", old.get("type")) != old.get("type"):
        old = {"rows": old["rows"]} if "rows" in old else {}
    return merge(old, new)
