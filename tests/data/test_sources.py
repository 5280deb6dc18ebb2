"""Raw files come whole and verified, or not at all. A local server stands for the network."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydantic import ValidationError

from conpet.config.raw import RawFile
from conpet.data import sources
from conpet.data.report import Report
from conpet.data.sources import fetch_files, read_manifest
from conpet.errors import UserError

DATA = b'{"P1": []}\n' * 1000


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _zip(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"supervised/{name}.txt", data)
    return out.getvalue()


ARCHIVE = _zip(train=b"train\n", test=b"test\n")


class _Server:
    """Serves DATA and ARCHIVE; what it does wrong depends on the path."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked[self.path] += 1
                server.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._http.server_port}{path}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path
        first = self.asked[path] == 1
        status = 404 if path == "/gone" else 503 if path == "/busy" and first else 200
        body = ARCHIVE if path.startswith("/f/zip") else DATA
        short = path == "/short" or (path == "/flaky" and first)
        request.send_response(status)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: len(body) // 2] if short else body)

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Server]:
    monkeypatch.setattr(sources, "WAIT_SECONDS", 0.0)
    running = _Server()
    yield running
    running.close()


def _refused(files: list[RawFile], out: Path, mirror: Path | None = None) -> str:
    """The one line of the error; nothing may be left behind beside what was there."""
    before = sorted(out.parent.rglob("*"))
    with pytest.raises(UserError) as caught:
        fetch_files(files, out, "demo", mirror)
    assert sorted(out.parent.rglob("*")) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_download_is_verified_and_listed(
    server: _Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, url = tmp_path / "raw", server.url("/val.json")
    file = RawFile(name="sub/val.json", url=url, sha256=_sha(DATA), split="valid")
    fetch_files([file], out, "demo", None)
    assert (out / "sub/val.json").read_bytes() == DATA
    entry = {"name": "sub/val.json", "sha256": _sha(DATA), "bytes": len(DATA)}
    entry |= {"split": "valid", "source": url}
    assert json.loads((out / "manifest.json").read_text()) == {"files": [entry]}
    assert [found.model_dump(exclude_none=True) for found in read_manifest(out)] == [entry]
    assert "demo: sub/val.json: 0.0 of 0.0 MB" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["/flaky", "/busy"])
def test_a_passing_fault_is_tried_again(server: _Server, tmp_path: Path, path: str) -> None:
    file = RawFile(name="a.json", url=server.url(path), sha256=_sha(DATA))
    fetch_files([file], tmp_path / "raw", "demo", None)
    assert server.asked[path] == 2
    assert (tmp_path / "raw/a.json").read_bytes() == DATA


def test_a_truncated_download_is_refused_after_three_tries(server: _Server, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    file = RawFile(name="a.json", url=server.url("/short"), sha256=_sha(DATA))
    message = _refused([file], tmp_path / "work/raw")
    half = DATA[: len(DATA) // 2]
    assert message.startswith("a.json: wrong bytes from http://")
    assert f"expected sha256 {_sha(DATA)}, found {_sha(half)}, {len(half)} bytes" in message
    assert server.asked["/short"] == 3


def test_other_bytes_and_missing_pages_are_refused_at_once(server: _Server, tmp_path: Path) -> None:
    changed = RawFile(name="a.json", url=server.url("/a"), sha256=_sha(b"old"))
    assert f"found {_sha(DATA)}, {len(DATA)} bytes" in _refused([changed], tmp_path / "raw")
    gone = RawFile(name="a.json", url=server.url("/gone"), sha256=_sha(DATA))
    assert "HTTP 404" in _refused([gone], tmp_path / "raw")
    assert server.asked == {"/a": 1, "/gone": 1}


def test_no_server_is_one_line(server: _Server, tmp_path: Path) -> None:
    file = RawFile(name="a.json", url=server.url("/a"), sha256=_sha(DATA))
    server.close()
    message = _refused([file], tmp_path / "raw")
    assert "no download after 3 tries" in message
    assert "local mirror" in message


def test_a_failed_fetch_leaves_the_older_folder(server: _Server, tmp_path: Path) -> None:
    out = tmp_path / "raw"
    good = RawFile(name="a.json", url=server.url("/a"), sha256=_sha(DATA))
    fetch_files([good], out, "demo", None)
    bad = RawFile(name="b.json", url=server.url("/gone"), sha256=_sha(DATA))
    _refused([good, bad], out)
    assert read_manifest(out)[0].name == "a.json"


def test_zip_members_come_from_one_download(server: _Server, tmp_path: Path) -> None:
    url = server.url("/f/zip/?dl=1")
    files = [
        RawFile(name=f"{part}.txt", url=url, sha256=_sha(ARCHIVE), member=f"supervised/{part}.txt")
        for part in ("train", "test")
    ]
    out = tmp_path / "raw"
    fetch_files(files, out, "demo", None)
    assert sorted(path.name for path in out.iterdir()) == ["manifest.json", "test.txt", "train.txt"]
    assert (out / "test.txt").read_bytes() == b"test\n"
    entry = read_manifest(out)[0]
    assert (entry.sha256, entry.source) == (_sha(b"train\n"), f"{url}#supervised/train.txt")
    assert entry.archive == _sha(ARCHIVE)
    assert sum(server.asked.values()) == 1
    lost = files[0].model_copy(update={"member": "inter/train.txt"})
    assert "no inter/train.txt in the archive" in _refused([lost], out)


def test_a_full_disk_is_not_the_sources_fault(
    server: _Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "own.json").write_bytes(DATA)
    zipped = RawFile(name="a.txt", url=server.url("/f/zip"), sha256=_sha(ARCHIVE),
                     member="supervised/test.txt")  # fmt: skip
    loaded = RawFile(name="a.json", url=server.url("/val.json"), sha256=_sha(DATA))
    monkeypatch.setattr(sources.shutil, "copyfile", full)
    monkeypatch.setattr(sources.shutil, "copyfileobj", full)
    for file in (zipped, RawFile(name="own.json", url=str(tmp_path / "own.json"))):
        with pytest.raises(OSError, match="No space left"):
            fetch_files([file], tmp_path / "raw", "demo", None)
    monkeypatch.setattr(sources, "_stream", full)
    with pytest.raises(OSError, match="No space left"):
        fetch_files([loaded], tmp_path / "raw", "demo", None)


def test_zip_from_the_mirror_by_the_name_of_the_dataset(tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    (mirror / "demo").mkdir(parents=True)
    (mirror / "demo/demo.zip").write_bytes(ARCHIVE)
    file = RawFile(name="a.txt", sha256=_sha(ARCHIVE), member="supervised/test.txt")
    fetch_files([file], tmp_path / "raw", "demo", mirror)
    assert read_manifest(tmp_path / "raw")[0].source == "mirror:demo/demo.zip#supervised/test.txt"
    (mirror / "demo/demo.zip").write_bytes(b"PK no archive")
    free = file.model_copy(update={"sha256": None})
    assert "not a readable zip archive" in _refused([free], tmp_path / "raw", mirror)
    assert "put demo.zip into" in _refused([free], tmp_path / "raw", None)


@pytest.mark.parametrize("place", ["demo/x/a.json", "x/a.json", "demo/a.json"])
def test_the_mirror_is_asked_first(server: _Server, tmp_path: Path, place: str) -> None:
    mirror = tmp_path / "mirror"
    (mirror / place).parent.mkdir(parents=True)
    (mirror / place).write_bytes(DATA)
    file = RawFile(name="x/a.json", url=server.url("/a"), sha256=_sha(DATA))
    fetch_files([file], tmp_path / "raw", "demo", mirror)
    assert read_manifest(tmp_path / "raw")[0].source == f"mirror:{place}"
    assert not server.asked


def test_the_mirror_counts_only_with_the_right_bytes(server: _Server, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    (mirror / "demo").mkdir(parents=True)
    (mirror / "a.json").write_bytes(b"of another dataset")
    file = RawFile(name="a.json", url=server.url("/a"), sha256=_sha(DATA))
    assert "wrong bytes from mirror:a.json" in _refused([file], tmp_path / "raw", mirror)
    for folder in ("other", "demo"):
        (mirror / folder).mkdir(exist_ok=True)
        (mirror / folder / "a.json").write_bytes(DATA)
        fetch_files([file], tmp_path / "raw", "demo", mirror)
        assert read_manifest(tmp_path / "raw")[0].source == f"mirror:{folder}/a.json"
    assert not server.asked


def test_a_file_that_the_mirror_lacks_is_downloaded(server: _Server, tmp_path: Path) -> None:
    file = RawFile(name="a.json", url=server.url("/a"), sha256=_sha(DATA))
    fetch_files([file], tmp_path / "raw", "demo", tmp_path / "empty")
    assert server.asked == {"/a": 1}


def test_licensed_files_say_where_they_go(tmp_path: Path) -> None:
    files = [RawFile(name=f"{part}.json") for part in ("train", "dev", "test")]
    message = _refused(files, tmp_path / "raw")
    here = "train.json, dev.json, test.json into config/datasets/demo, or MIRROR/demo and give"
    assert here in message
    mirror = tmp_path / "mirror"
    (mirror / "demo").mkdir(parents=True)
    (mirror / "demo/dev.json").write_bytes(DATA)
    assert f"put train.json, test.json into {mirror}/demo" in _refused(
        files, tmp_path / "raw", mirror
    )
    fetch_files(files[1:2], tmp_path / "raw", "demo", mirror)
    assert read_manifest(tmp_path / "raw")[0].sha256 == _sha(DATA)


def test_own_files_by_path_or_file_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "my data.csv"
    own.write_bytes(DATA)
    monkeypatch.chdir(tmp_path)
    for url in (str(own), "my data.csv", own.as_uri()):
        fetch_files([RawFile(name="a.csv", url=url)], tmp_path / "raw", "demo", tmp_path)
        assert (tmp_path / "raw/a.csv").read_bytes() == DATA
        assert read_manifest(tmp_path / "raw")[0].source == url
    wrong = RawFile(name="a.csv", url="my data.csv", sha256=_sha(b""))
    assert "a.csv: wrong bytes from my data.csv" in _refused([wrong], tmp_path / "raw")
    assert "no such file" in _refused([RawFile(name="a.csv", url="b.csv")], tmp_path / "raw")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([RawFile(name="a", url="https://example.org/a")], "a: https://example.org/a: a download"),
        ([RawFile(name="a", url="ftp://example.org/a")], "a: address ftp://example.org/a: use"),
        ([RawFile(name="a"), RawFile(name="a")], "demo: a: listed twice"),
        ([], "demo: no raw files listed"),
    ],
)
def test_lists_that_cannot_be_fetched(tmp_path: Path, files: list[RawFile], message: str) -> None:
    assert _refused(files, tmp_path / "raw").startswith(message)


def test_a_manifest_notices_changed_and_missing_files(tmp_path: Path) -> None:
    own, raw = tmp_path / "own.csv", tmp_path / "raw"
    own.write_bytes(DATA)
    fetch_files([RawFile(name="a.csv", url=str(own))], raw, "demo", None)
    (raw / "a.csv").write_bytes(DATA[:-1])
    with pytest.raises(UserError, match=f"changed since .* {len(DATA) - 1} bytes"):
        read_manifest(raw)
    (raw / "a.csv").unlink()
    with pytest.raises(UserError, match=r"a\.csv: missing: fetch"):
        read_manifest(raw)
    (raw / "manifest.json").write_text('{"files": [{"name": "a.csv"}]}')
    with pytest.raises(UserError, match="not a manifest"):
        read_manifest(raw)


@pytest.mark.parametrize(
    "name", ["/etc/a", "../a", "a/../../b", "a\\b", "./a", "manifest.json", ""]
)
def test_names_stay_in_the_raw_folder(name: str) -> None:
    with pytest.raises(ValidationError):
        RawFile(name=name)


def test_a_report_counts_and_keeps_five_places() -> None:
    report = Report()
    for line in range(7):
        report.drop("empty label", f"a.csv: line {line}")
    report.drop("empty text", "a.csv: line 9")
    report.note("skipped", 3)
    found = report.as_dict()
    assert found["dropped"]["empty label"]["count"] == 7
    assert found["dropped"]["empty label"]["first"] == [f"a.csv: line {n}" for n in range(5)]
    assert found["notes"] == {"skipped": 3}
    assert report.dropped == 8
