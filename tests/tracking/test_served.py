"""A served learner: what it answers to good requests and to bad ones, and that it goes on."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.routes import compare
from benchmarks.ways import Said, library, served, server
from tests.chain import Chain
from tests.predicting.conftest import Packaged, learnt, packaged
from tests.tracking.conftest import Store
from tests.tracking.test_models import TEXTS, log

pytestmark = pytest.mark.slow

__all__ = ["learnt", "packaged"]
JSON = "application/json"


@pytest.fixture(scope="module")
def place(
    schema: Path, packaged: Packaged, learnt: Chain, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    root = tmp_path_factory.mktemp("served")
    (root / "mlflow.db").write_bytes(schema.read_bytes())
    store = Store(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", store.uri)
        patch.setenv("CONPET_SNAPSHOT", str(learnt.snapshot))
        patch.chdir(root)
        log(store, packaged("dynamic"), "dynamic")
        with server("models:/tiny-tiny-dynamic@best", root) as (address, _):
            yield address


def send(place: str, body: bytes, kind: str = "application/json") -> tuple[int, str]:
    request = urllib.request.Request(f"{place}/invocations", body, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def asked(texts: list[Any], column: str = "text", **params: Any) -> bytes:
    data = {"columns": [column], "data": [[text] for text in texts]}
    return json.dumps({"dataframe_split": data, "params": params}).encode()


def well(place: str) -> bool:
    """Whether the server answers a good request."""
    status, answer = send(place, asked(["w1x1"]))
    return status == 200 and len(json.loads(answer)["predictions"]) == 1


def test_a_client_is_told_what_the_library_says(
    place: str, packaged: Packaged, learnt: Chain
) -> None:
    first, classes = library(packaged("dynamic") / "model", learnt.snapshot)
    said = {"library": first(TEXTS), "served": served(place, classes)(TEXTS)}
    wrong, gaps = compare(said)
    assert wrong == []
    assert set(gaps) == {"library", "served"}
    labels, probabilities = said["library"]
    assert probabilities is not None
    wrong, _ = compare({**said, "liar": Said(["none", *labels[1:]], probabilities + 2e-6)})
    assert [line.partition(" differ")[0] for line in wrong] == [
        "liar: 1 labels", "liar: a probability",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "kind", "status", "line"),
    [
        (asked([""]), JSON, 400, "text 1: empty: give a text"),
        (asked(["w1x1", " "]), JSON, 400, "text 2: empty: give a text"),
        (asked([3]), JSON, 400, "text 1: of type int: give a text"),
        (asked([None]), JSON, 400, "text 1: of type NoneType: give a text"),
        (asked(["w1x1"], "body"), JSON, 400, "missing inputs ['text']. Note that there were extra"),
        (asked(["w1x1"], threshold="high"), JSON, 400, "validate type and shape for 'threshold'"),
        (asked(["w1x1"], threshold=2.0), JSON, 400, "threshold: 2.0: give a confidence"),
        (asked(["w1x1"], threshold=0.5, refuse=True), JSON, 400, "threshold, refuse: give one of"),
        (b'{"inputs": ["caf\xe9"]}', JSON, 400, "UnicodeDecodeError"),
        (b"text\ncaf\xe9\n", "text/csv", 400, "valid UTF-8 encoded string"),
        (b"{", JSON, 400, "valid JSON formatted string"),
        (b"", JSON, 400, "valid JSON formatted string"),
        (b"[]", JSON, 400, "must be a JSON dictionary"),
        (b"w1x1", "text/plain", 415, "only supports the following content types"),
    ],
)
def test_a_bad_request_is_told_why_and_the_server_goes_on(
    place: str, body: bytes, kind: str, status: int, line: str
) -> None:
    found, answer = send(place, body, kind)
    assert found == status
    assert line in answer
    assert "Traceback" not in answer
    assert well(place)


@pytest.mark.parametrize(
    ("texts", "count"), [([], 0), (["w1x1 " * 20_000], 1), ((TEXTS * 500)[:10_000], 10_000)]
)
def test_few_and_many_and_long_texts_are_answered(place: str, texts: list[str], count: int) -> None:
    status, answer = send(place, asked(texts))
    assert status == 200
    assert len(json.loads(answer)["predictions"]) == count
    assert well(place)


def test_the_same_client_finds_more_classes_when_a_task_is_added(
    store: Store, packaged: Packaged, learnt: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)
    monkeypatch.setenv("CONPET_SNAPSHOT", str(learnt.snapshot))
    grown, young = packaged("dynamic"), store.root / "young"
    states = [word for task in (1, 2) for word in ("--state", grown / f"task0{task}/state")]
    selector = ["--selector", grown / "task02/selector"]
    learnt.ask("package", *learnt.of, *states, *selector, "--out", young / "model")
    address, body = "models:/tiny-tiny-dynamic@best", asked(TEXTS, probabilities=True)
    log(store, grown, "dynamic", package=young / "model", tasks=2)
    with server(address, store.root) as (place, _):
        before = send(place, body)
        log(store, grown, "dynamic")
        # what is being served stays as it was opened, until it is started again
        assert send(place, body) == before
    with server(address, store.root) as (place, _):
        after = send(place, body)
    assert before[0] == after[0] == 200
    first, second = (json.loads(answer)["predictions"] for _, answer in (before, after))
    assert [row.keys() for row in first] == [row.keys() for row in second]
    old, new = (list(rows[0]["probabilities"]) for rows in (first, second))
    assert (len(old), len(new)) == (4, 6)
    assert new[:4] == old
    for name in ("adapter/adapter_model.safetensors", "learner.safetensors"):
        for task in ("task01", "task02"):
            assert (young / "model" / task / name).read_bytes() == (
                grown / "model" / task / name
            ).read_bytes()
