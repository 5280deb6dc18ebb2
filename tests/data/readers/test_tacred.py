"""TACRED's names and ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conpet.data.readers.tacred import label_name
from conpet.errors import UserError
from tests.data.readers.reading import marked, read_files

TACRED = [
    "org:alternate_names",
    "org:city_of_headquarters",
    "org:country_of_headquarters",
    "org:dissolved",
    "org:founded",
    "org:founded_by",
    "org:member_of",
    "org:members",
    "org:number_of_employees/members",
    "org:parents",
    "org:political/religious_affiliation",
    "org:shareholders",
    "org:stateorprovince_of_headquarters",
    "org:subsidiaries",
    "org:top_members/employees",
    "org:website",
    "per:age",
    "per:alternate_names",
    "per:cause_of_death",
    "per:charges",
    "per:children",
    "per:cities_of_residence",
    "per:city_of_birth",
    "per:city_of_death",
    "per:countries_of_residence",
    "per:country_of_birth",
    "per:country_of_death",
    "per:date_of_birth",
    "per:date_of_death",
    "per:employee_of",
    "per:origin",
    "per:other_family",
    "per:parents",
    "per:religion",
    "per:schools_attended",
    "per:siblings",
    "per:spouse",
    "per:stateorprovince_of_birth",
    "per:stateorprovince_of_death",
    "per:stateorprovinces_of_residence",
    "per:title",
]


def test_tacred_names_are_those_of_the_published_order(root: Path) -> None:
    order = json.loads((root / "config/class_orders/tacred.json").read_text())
    published = {name for task in order["tasks"] for name in task}
    assert {label_name(relation, "") for relation in TACRED} == published
    assert len(published) == len(TACRED) == 41


def test_tacred_drops_no_relation_and_reads_inclusive_ends(tmp_path: Path) -> None:
    entry: dict[str, Any] = {
        "id": "x1",
        "token": ["Ana", "Bo", "is", "mayor"],
        "relation": "per:title",
    }
    entry |= {"subj_start": 0, "subj_end": 1, "obj_start": 3, "obj_end": 3, "docid": "d"}
    value = [entry, entry | {"id": "x2", "relation": "no_relation"}]
    samples, report = read_files(tmp_path, "tacred", {"train.json": json.dumps(value)}, "train")
    assert [(s.id, s.label) for s in samples] == [("x1", "person title")]
    assert marked(samples[0]) == [("head", "Ana Bo"), ("tail", "mayor")]
    assert report.as_dict()["dropped"]["no_relation"] == {"count": 1, "first": ["train.json: [1]"]}
    with pytest.raises(UserError, match=r"^a\.json: \[0\]: relation 'title'"):
        read_files(tmp_path, "tacred", {"a.json": json.dumps([entry | {"relation": "title"}])})
