"""A stand-in for the command ``conpet``: it writes every output in no time, and a line a call.

``FAKE_SLEEP=RULE:SECONDS`` makes one sub-command slow, ``FAKE_FAIL=RULE`` makes it fail as a
user's mistake does. A slow one leaves ``pid`` beside the calls, so that a test can kill it.
``FAKE_HALVES=SECONDS`` has every output lie there half for so long.
"""

import os
import sys
import time
from pathlib import Path

FOLDERS = {"fetch-model", "fetch-dataset", "train", "select", "package", "publish"}
OUTPUTS = ("--out", "--report", "--metrics", "--predictions")
ENDS = {"table": (".csv", ".md", ".tex", ".json"), "plot": (".svg", ".png")}


def write(path: Path, content: str) -> None:
    seconds = float(os.environ.get("FAKE_HALVES", "0"))
    if seconds:
        path.write_text(content[: len(content) // 2])
        time.sleep(seconds)
    path.write_text(content)


def main() -> None:
    rule, *rest = sys.argv[1:]
    folder = Path(os.environ["FAKE_CALLS"])
    folder.mkdir(exist_ok=True)
    (folder / f"{time.time_ns()}-{os.getpid()}").write_text(" ".join(sys.argv[1:]))
    slow, _, seconds = os.environ.get("FAKE_SLEEP", "").partition(":")
    if slow == rule:
        Path(os.environ["FAKE_CALLS"] + ".pid").write_text(str(os.getpid()))
        time.sleep(float(seconds))
    if os.environ.get("FAKE_FAIL") == rule:
        sys.exit(f"conpet: error: {rule}: wrong bytes: get the file again")
    if rule == "track-store":
        Path(rest[rest.index("--store") + 1].removeprefix("sqlite:///")).touch()
    for place, word in enumerate(rest):
        if word not in OUTPUTS:
            continue
        out = Path(rest[place + 1])
        # what a job writes depends on what it is asked, as the real one's does
        content = " ".join(sys.argv[1:])
        if rule in ENDS:
            for end in ENDS[rule]:
                write(out.with_name(out.name + end), content)
        elif rule in FOLDERS:
            out.mkdir(parents=True, exist_ok=True)
            write(out / "state.json", content)
        else:
            write(out, content)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:  # as the real one ends
        sys.exit(130)
