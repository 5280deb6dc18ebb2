"""What maps representations to class scores: one file per head, known by its name.

Some are trained with the task (:class:`conpet.heads.base.Trained`), others are fitted after it on
representations (:class:`conpet.heads.base.Fitted`): no gradient, one linear solve.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from conpet import registry
from conpet.config.head import ROWS, Head
from conpet.config.strict import choose, validate
from conpet.errors import UserError

if TYPE_CHECKING:
    from conpet.heads.base import Fitted, Trained


def names() -> list[str]:
    """Return the names of all heads."""
    return registry.names(Path(__file__).parent, "HEAD")


def head_class(name: str, where: str = "head") -> type[Trained] | type[Fitted]:
    """Return a head's class: the one named ``HEAD`` in conpet/heads/NAME.py."""
    folder = Path(__file__).parent
    registry.check(folder, name, "HEAD")
    if name not in names():
        choose("head", name, [*ROWS, *names()], where)
    found: type[Trained] | type[Fitted] = registry.found(folder, name, "HEAD")
    return found


def check_head(head: Head) -> None:
    """Raise a UserError unless there is such a head with such options."""
    from conpet.heads.base import Moving

    kind = head_class(head.type)
    validate(kind.Options, head.config, "head.config")
    if not kind.fitted and head.samples != Head().samples:
        raise UserError(f"head.samples: {head.type} is trained, not fitted: leave samples out")
    if not kind.fitted and head.layers != Head().layers:
        raise UserError(
            f"head.layers: {head.type} is trained, on the last layer alone: leave layers out, or "
            "take a head that is fitted"
        )
    if not kind.fitted and head.adapter != Head().adapter:
        raise UserError(
            f"head.adapter: {head.type} is trained, through the last adapter: leave adapter out, "
            "or take a head that is fitted"
        )
    if not kind.fitted and head.beside != Head().beside:
        raise UserError(
            f"head.beside: {head.type} is trained: leave beside out, or take a head that is fitted"
        )
    if head.beside != Head().beside and getattr(kind, "validated", False):
        raise UserError(
            f"head.beside: {head.type} chooses by validation samples, of which the head beside it "
            "gets none: use lda or ncm"
        )
    if head.samples == "kept" and not issubclass(kind, Moving):
        raise UserError(
            f"head.samples: what {head.type} keeps cannot follow the drift of the space: use plan, "
            "history or a number"
        )


def trained_head(head: Head, width: int, rows: int, seed: int) -> Trained:
    """Return the head that is trained with the task: a softmax one where ``head`` is fitted."""
    from conpet.heads.base import Trained
    from conpet.heads.softmax import Softmax

    kind = head_class(head.type)
    if issubclass(kind, Trained):
        return kind(width, rows, seed, validate(kind.Options, head.config, "head.config"))
    return Softmax(width, rows, seed)


def fitted_head(head: Head, width: int, seed: int) -> Fitted | None:
    """Return the head that is fitted after the task, with nothing in it; None for others."""
    from conpet.heads.base import Fitted

    kind = head_class(head.type)
    if issubclass(kind, Fitted):
        return kind(width, seed, validate(kind.Options, head.config, "head.config"))
    return None
