"""pydantic's complaints -> one line that names the key and says what would be right."""

from __future__ import annotations

import difflib
import inspect
import types
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

_FORMS = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "literal_error": "{expected}",
}
_LIMITS = {
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "{ge:g} or more",
    "less_than": "less than {lt:g}",
    "less_than_equal": "{le:g} or less",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
    "string_too_short": "text that is not empty",
    "string_pattern_mismatch": "text of the form {pattern}",
}
_UNKNOWN = ("extra_forbidden", "invalid_key")
_FOUND_LENGTH = 60


@dataclass(frozen=True)
class _Complaint:
    """One of pydantic's errors, its place traced through the model.

    ``loc`` is pydantic's own, in which a union puts a tag that names the member tried; ``forks``
    are the places of such tags. ``shown`` is the key's path as the user wrote it. ``section`` is
    the model that the last key stands in, ``siblings`` what else may stand there; ``member`` what
    the last part of ``loc`` leads to.
    """

    loc: tuple[int | str, ...]
    kind: str
    message: str
    context: dict[str, Any]
    found: Any
    shown: str
    forks: tuple[int, ...]
    section: type[BaseModel] | None
    siblings: tuple[type[BaseModel], ...]
    member: Any

    @property
    def close(self) -> str:
        """The known key that an unknown one was probably meant to be, or nothing."""
        if self.kind != "extra_forbidden" or self.section is None:
            return ""
        known = list(self.section.model_fields)
        return next(iter(difflib.get_close_matches(str(self.loc[-1]), known, n=1)), "")


def one_line(failure: ValidationError, model: type[BaseModel], value: Any) -> str:
    """Return the one complaint of many that is about what the user meant, in one line."""
    complaints = [_trace(error, model) for error in failure.errors()]
    typos = {(c.loc[:-1], c.close) for c in complaints if c.close}
    complaints = [
        c for c in complaints if c.kind != "missing" or (c.loc[:-1], c.loc[-1]) not in typos
    ]
    forks = {c.loc[:place] for c in complaints for place in c.forks}
    for fork in sorted(forks, key=len):
        tried = [c for c in complaints if len(fork) in c.forks and c.loc[: len(fork)] == fork]
        kept = _meant(tried, len(fork)) or [_trace(_of_union(tried, fork, value), model)]
        complaints = [c for c in complaints if c not in tried] + kept
    chosen = next((c for c in complaints if c.kind in _UNKNOWN), complaints[0])
    more = f" (and {len(complaints) - 1} more)" if len(complaints) > 1 else ""
    return " ".join(f"{_describe(chosen)}{more}".split())


def _trace(error: Any, model: type[BaseModel]) -> _Complaint:
    here: Any = model
    section: type[BaseModel] | None = None
    siblings: tuple[type[BaseModel], ...] = ()
    shown, forks, union = "", [], []
    for place, part in enumerate(error["loc"]):
        members = _members(here)
        if len(members) > 1:
            forks.append(place)
            here = _member(members, str(part))
            # a member chosen by a key that names it is the one that is meant
            union = members if getattr(here, "__name__", "") == part else []
            continue
        here = members[0] if members else Any
        if part == "[key]":
            continue
        if _is_model(here):
            section, siblings = here, tuple(m for m in union if m is not here and _is_model(m))
            field = here.model_fields.get(part)
            here = field.annotation if field else Any
            shown, union = f"{shown}.{part}", []
        elif get_origin(here) is list:
            here = get_args(here)[0]
            shown += f"[{part}]"
        else:
            here = get_args(here)[1] if get_origin(here) is dict else Any
            shown += f".{part}"
    return _Complaint(
        loc=error["loc"],
        kind=error["type"],
        message=error["msg"],
        context=error.get("ctx", {}),
        found=error["input"],
        shown=shown.removeprefix("."),
        forks=tuple(forks),
        section=section,
        siblings=siblings,
        member=here,
    )


def _is_model(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, BaseModel)


def _members(annotation: Any) -> list[Any]:
    """Return what an annotation may stand for: a union's members, without None."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [m for a in get_args(annotation) if a is not type(None) for m in _members(a)]
    return [annotation]


def _member(members: Iterable[Any], tag: str) -> Any:
    """Return the member of a union that pydantic's tag names."""
    for member in members:
        if _is_model(member):
            values = {v for f in member.model_fields.values() for v in get_args(f.annotation)}
            if tag == member.__name__ or tag in values:
                return member
        elif tag.startswith(("dict[", "list[", "literal[")):
            name = getattr(get_origin(member), "__name__", str(get_origin(member)))
            if name.rpartition(".")[2].lower() == tag.partition("[")[0]:
                return member
        elif get_origin(member) is None:
            return member
    return Any


def _meant(tried: Sequence[_Complaint], place: int) -> list[_Complaint]:
    """Return the complaints of the one member of a union that the user seems to have meant."""
    branches: dict[int | str, list[_Complaint]] = {}
    for c in tried:
        branches.setdefault(c.loc[place], []).append(c)
    if len(branches) == 1:
        return list(tried)
    alike = [b for b in branches.values() if not _wrong_form(b, place)]
    best = min(alike, key=lambda b: _cost(b, place), default=[])
    return best if best and _has_known_key(best, place) else []


def _of_union(tried: Sequence[_Complaint], fork: tuple[int | str, ...], value: Any) -> Any:
    """Return a complaint about a union as a whole, for a value that is like none of its members."""
    options = dict.fromkeys(_option(c, len(fork)) for c in tried)
    for place, part in enumerate(fork):
        if place not in tried[0].forks:
            value = value[part]
    return {"loc": fork, "type": "union", "msg": " or ".join(options), "input": value}


def _wrong_form(branch: Sequence[_Complaint], place: int) -> bool:
    return any(len(c.loc) == place + 1 and c.kind in _FORMS for c in branch)


def _cost(branch: Sequence[_Complaint], place: int) -> float:
    """Count the keys that a section lacks or has too many; a misspelt one counts half."""
    keys = [c for c in branch if len(c.loc) == place + 2]
    return sum(0.5 if c.close else 1.0 for c in keys if c.kind in ("missing", "extra_forbidden"))


def _has_known_key(branch: Sequence[_Complaint], place: int) -> bool:
    keys = [c for c in branch if len(c.loc) == place + 2]
    whole = next((c.found for c in keys if c.kind == "missing"), None)
    unknown = [c for c in keys if c.kind == "extra_forbidden" and not c.close]
    return whole is None or len(whole) > len(unknown)


def _option(complaint: _Complaint, place: int) -> str:
    """Say what one member of a union would accept."""
    if len(complaint.loc) > place + 1:
        section = complaint.section
    else:
        section = complaint.member if _is_model(complaint.member) else None
    if section is not None:
        return "{" + ", ".join(section.model_fields) + "}"
    return _FORMS.get(complaint.kind, complaint.message).format(**complaint.context)


def _describe(c: _Complaint) -> str:
    where = f"{c.shown}: " if c.shown else ""
    match c.kind:
        case "extra_forbidden" | "invalid_key":
            return where + _unknown(c)
        case "missing":
            return f"{where}this key is required"
        case "union_tag_not_found":
            return f"{c.shown}.{_discriminator(c)}: this key is required"
        case "union_tag_invalid":
            expected = " or ".join(c.context["expected_tags"].split(", "))
            found = _shorten(c.context["tag"])
            return f"{c.shown}.{_discriminator(c)}: expected {expected}, found {found}"
        case "value_error":
            message = c.message.removeprefix("Value error, ")
            return where + message + ("" if isinstance(c.found, dict) else _found(c))
    return where + _expected(c)


def _discriminator(c: _Complaint) -> str:
    return str(c.context["discriminator"]).strip("'")


def _unknown(c: _Complaint) -> str:
    if c.section and any(str(c.loc[-1]) in other.model_fields for other in c.siblings):
        forms = " or ".join("{" + ", ".join(m.model_fields) + "}" for m in (c.section, *c.siblings))
        return f"does not go with the keys beside it: give {forms}"
    if c.close:
        return f"unknown key: did you mean {c.close!r}?"
    known = ", ".join(c.section.model_fields) if c.section else ""
    return f"unknown key: known keys: {known}" if known else "unknown key: no key is known here"


def _expected(c: _Complaint) -> str:
    if c.kind == "union":
        expected = c.message
    elif c.kind == "model_type" and _is_model(c.member):
        expected = "{" + ", ".join(c.member.model_fields) + "}"
    elif c.kind in _FORMS or c.kind in _LIMITS:
        expected = (_FORMS | _LIMITS)[c.kind].format(**c.context)
    else:
        return f"{c.message[0].lower()}{c.message[1:]}{_found(c)}"
    as_key = " as a key" if c.loc[-1:] == ("[key]",) else ""
    unquoted = isinstance(c.found, bool | int | float) and c.kind == "string_type"
    return f"expected {expected}{as_key}{_found(c)}" + (": put it in quotes" if unquoted else "")


def _found(c: _Complaint) -> str:
    return f", found {_shorten(c.found)}"


def _shorten(value: Any) -> str:
    """Write a value as YAML would, cut to a length that a line can bear."""
    plain = {None: "nothing", True: "true", False: "false"}
    if value is None or isinstance(value, bool):
        return plain[value]
    text = repr(value)
    return text if len(text) <= _FOUND_LENGTH else f"{text[: _FOUND_LENGTH - 3]}..."
