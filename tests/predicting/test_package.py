"""A package reads texts as those were read that it was learnt from."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.chain import Chain
from tests.predicting.conftest import Packaged


def test_a_template_of_later_is_not_packaged(
    packaged: Packaged, learnt: Chain, tmp_path: Path
) -> None:
    run, config, out = packaged("static_emr"), tmp_path / "config", tmp_path / "out"
    shutil.copytree(learnt.config, config)
    file = config / "datasets/tiny.yaml"
    file.write_text(file.read_text().replace("it is {mask}", "a {mask}"))
    words = ["--config-dir", config, "--experiment", "tiny", "--state", run / "task03/state"]
    with pytest.raises(SystemExit) as ended:
        learnt.ask("package", *words, "--out", out)
    assert "encoded with template 'it is {mask}', but the package would" in str(ended.value.code)
    assert not out.exists()
