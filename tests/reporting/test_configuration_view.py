"""The configuration is said once: what all have, and only what differs."""

from __future__ import annotations

from conpet.reporting.configuration_view import view

BASE = {"training": {"lr": 0.1, "epochs": 3}, "kind": "grow"}


def settings(**changes: dict[str, object]) -> dict[str, dict[str, object]]:
    """Settings of two datasets by two methods, with changes by dataset or method."""
    return {
        f"{dataset}/m/{method}": BASE | changes.get(dataset, {}) | changes.get(method, {})
        for dataset in ("one", "two", "three")
        for method in ("a", "b", "c")
    }


def test_what_all_have_is_said_once() -> None:
    shown = view({"settings": settings()})
    assert shown.shared == [("training.lr", "0.1"), ("training.epochs", "3"), ("kind", "grow")]
    assert shown.differing == []


def test_only_what_differs_and_where() -> None:
    changed = settings(a={"kind": "lda"}, two={"training": {"lr": 0.1, "epochs": 9}})
    shown = view({"settings": changed})
    assert dict(shown.shared)["training.epochs"] == "3"
    assert sorted(shown.differing) == [
        ("a", [("kind", "lda")]),
        ("two", [("training.epochs", "9")]),
    ]


def test_one_cell_that_differs_is_named() -> None:
    found = settings()
    found["one/m/b"] = BASE | {"kind": "ncm"}
    assert view({"settings": found}).differing == [("one/m/b", [("kind", "ncm")])]


def test_a_key_that_one_lacks_is_said_of_it_alone() -> None:
    changed = settings(a={"training": {"lr": {"pet": 0.1, "head": 0.2}, "epochs": 3}})
    shown = view({"settings": changed})
    assert dict(shown.shared)["training.lr"] == "0.1"
    ((owner, pairs),) = shown.differing
    assert owner == "a"
    assert dict(pairs) == {"training.lr": "–", "training.lr.pet": "0.1", "training.lr.head": "0.2"}


def test_a_head_has_the_same_keys_however_it_was_written() -> None:
    found = settings(a={"head": "linear"}, b={"head": "lda"}, c={"head": {"type": "lda"}})
    shown = view({"settings": found})
    assert dict(shown.shared)["head.type"] == "lda"
    ((owner, pairs),) = shown.differing
    assert (owner, dict(pairs)["head.type"]) == ("a", "linear")


def test_a_method_says_what_it_is_and_not_how_it_looks() -> None:
    method = {"title": "A", "learner": "linear", "options": {}, "look": {"color": "red"},
              "settings": {"head": "lda"}, "source": "paper", "flat_cost": False}  # fmt: skip
    shown = view({"methods": {"a": method}, "datasets": {"one": {"title": "One", "files": []}}})
    assert shown.differing == [("a", [("learner", "linear"), ("source", "paper")])]
    assert shown.rest == [("datasets.one.title", "One")]
