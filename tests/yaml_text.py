"""Values as YAML texts."""

from __future__ import annotations

import io

from ruamel.yaml import YAML


def to_yaml(value: object) -> str:
    """Return the text, one key a line, in the order of the keys."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False
    text = io.StringIO()
    yaml.dump(value, text)
    return text.getvalue()
