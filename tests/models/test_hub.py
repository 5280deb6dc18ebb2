"""The hub is a local server that answers as much as ``snapshot_download`` asks."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from conpet import files
from conpet.config.model_source import HubSource
from conpet.errors import UserError
from conpet.models.fetching import fetch_model

REPO = "owner/tiny"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
PINNED = HubSource(repo=REPO, revision=COMMIT)


class Hub(ThreadingHTTPServer):
    """One repo with the files of ``folder``; ``refusal`` is an error code for every request."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.refusal: tuple[int, str] | None = None
        self.truncated: str | None = None
        self.downloaded: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        resolve = f"/{REPO}/resolve/{COMMIT}/"
        if self.server.refusal:
            status, code = self.server.refusal
            self.answer(b"", status, {"X-Error-Code": code})
        elif path in (f"/api/models/{REPO}/revision/{name}" for name in ("main", COMMIT)):
            # some versions of the client take the names from here, others from the tree
            names = [{"rfilename": file["path"]} for file in self.tree()]
            self.answer(json.dumps({"id": REPO, "sha": COMMIT, "siblings": names}).encode())
        elif path == f"/api/models/{REPO}/tree/{COMMIT}":
            self.answer(json.dumps(self.tree()).encode())
        elif path.startswith(resolve):
            self.file(path.removeprefix(resolve))
        else:
            self.answer(b"", 404, {"X-Error-Code": "EntryNotFound"})

    def tree(self) -> list[dict[str, object]]:
        root = self.server.folder
        paths = sorted(path for path in root.rglob("*") if path.is_file())
        return [
            {
                "type": "file",
                "path": str(path.relative_to(root)),
                "size": path.stat().st_size,
                "oid": hashlib.sha1(path.read_bytes()).hexdigest(),
            }
            for path in paths
        ]

    def file(self, name: str) -> None:
        data = (self.server.folder / name).read_bytes()
        tag = f'"{hashlib.sha1(data).hexdigest()}"'
        if self.command == "GET":
            self.server.downloaded.append(name)
            if name == self.server.truncated:
                data = data[:-10]
        self.answer(data, 200, {"ETag": tag, "X-Repo-Commit": COMMIT})

    def answer(self, data: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in ({"Content-Length": str(len(data))} | (headers or {})).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def hub(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    from huggingface_hub import constants

    folder = shutil.copytree(saved, tmp_path / "repo")
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    (folder / "consolidated.safetensors").write_bytes(b"another layout")
    (folder / "model-half").mkdir()
    (folder / "model-half/other.safetensors").write_bytes(b"a sub-folder")
    server = Hub(folder)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("CONPET_PROGRESS", "0")
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # the client backs off for long
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def refused(source: HubSource, tmp_path: Path, match: str, mirror: Path | None = None) -> None:
    with pytest.raises(UserError, match=match) as caught:
        fetch_model(source, tmp_path / "out/model", mirror)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_pinned_repo_becomes_a_snapshot(hub: Hub, saved: Path, tmp_path: Path) -> None:
    fetch_model(PINNED, tmp_path / "model")
    names = {path.name for path in saved.iterdir()}
    assert {path.name for path in (tmp_path / "model").iterdir()} == names | {"source.json"}
    assert set(hub.downloaded) == names  # no pickle, no other layout, no sub-folder
    weights = tmp_path / "model/model.safetensors"
    assert weights.read_bytes() == (saved / "model.safetensors").read_bytes()
    assert not weights.is_symlink()
    record = json.loads((tmp_path / "model/source.json").read_text())
    assert (record["kind"], record["revision"], record["commit"]) == ("hub", COMMIT, COMMIT)


def test_a_branch_records_the_commit_it_meant(hub: Hub, tmp_path: Path) -> None:
    fetch_model(HubSource(repo=REPO, revision="main", unpinned=True), tmp_path / "model")
    record = json.loads((tmp_path / "model/source.json").read_text())
    assert (record["revision"], record["unpinned"], record["commit"]) == ("main", True, COMMIT)


def test_pinned_files_are_verified(hub: Hub, saved: Path, tmp_path: Path) -> None:
    name = "model.safetensors"
    good = PINNED.model_copy(update={"sha256": {name: files.sha256(saved / name)}})
    fetch_model(good, tmp_path / "model")
    bad = PINNED.model_copy(update={"sha256": {name: "0" * 64}})
    refused(bad, tmp_path, "model.safetensors: sha256 is .* not the pinned 0000")
    lost = PINNED.model_copy(update={"sha256": {"pytorch_model.bin": "0" * 64}})
    refused(lost, tmp_path, "pytorch_model.bin is not among the files")


def test_only_pickled_weights_are_refused(hub: Hub, tmp_path: Path) -> None:
    (hub.folder / "model.safetensors").unlink()
    refused(PINNED, tmp_path, f"{REPO}@{COMMIT}: no model.*pickled weights are never loaded")
    assert "pytorch_model.bin" not in hub.downloaded


@pytest.mark.parametrize(
    ("status", "code", "match"),
    [
        (403, "GatedRepo", "gated: accept its licence on the hub, then set HF_TOKEN"),
        (404, "RevisionNotFound", "no such revision"),
        (404, "RepoNotFound", "the hub did not deliver .*--mirror"),
        (500, "", "the hub did not deliver .*--mirror"),
    ],
)
def test_a_refusal_is_one_clear_line(
    status: int, code: str, match: str, hub: Hub, tmp_path: Path
) -> None:
    hub.refusal = (status, code)
    refused(PINNED, tmp_path, match)


def test_a_truncated_download_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.truncated = "model.safetensors"
    refused(PINNED, tmp_path, "the hub did not deliver")


def test_what_the_cache_holds_needs_no_network(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    refused(PINNED, tmp_path, "the hub did not deliver .*--mirror")
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    fetch_model(PINNED, tmp_path / "online")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    fetch_model(PINNED, tmp_path / "offline")
    online, offline = (tmp_path / name / "source.json" for name in ("online", "offline"))
    assert online.read_bytes() == offline.read_bytes()


@pytest.mark.parametrize(
    ("place", "commit"),
    [
        ("owner/tiny", None),
        ("owner--tiny", None),
        ("tiny", None),
        (f"models--owner--tiny/snapshots/{COMMIT}", COMMIT),
    ],
)
def test_a_mirror_stands_in_for_the_hub(
    place: str, commit: str | None, hub: Hub, tmp_path: Path
) -> None:
    shutil.copytree(hub.folder, tmp_path / "mirror" / place)
    fetch_model(PINNED, tmp_path / "model", tmp_path / "mirror")
    assert hub.downloaded == []
    record = json.loads((tmp_path / "model/source.json").read_text())
    assert record["commit"] == commit  # a plain folder cannot prove its commit
    bad = PINNED.model_copy(update={"sha256": {"config.json": "0" * 64}})
    refused(bad, tmp_path, "config.json: sha256 is", tmp_path / "mirror")
