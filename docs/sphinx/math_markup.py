"""Formulas as MathML, which browsers draw themselves: no script, nothing fetched."""

from __future__ import annotations

import re

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

_log = logging.getLogger(__name__)
THIN = '<mspace width="0.17em"/>'
# log, cos, ...: TeX sets a thin space before one, and after it where no bracket follows
_BEFORE = re.compile(
    r"(</m(?:i|n|sub|sup|subsup)>|\)</mo>)(?=\s*<mi[^>]*>[a-z]{2,}</mi>\s*<mo>&ApplyFunction;)"
)
_AFTER = re.compile(r'<mo>&ApplyFunction;</mo>(?!\s*<mo stretchy="false">\()')


def _markup(node: nodes.Element, as_block: bool) -> str:
    try:
        found: str = tex2mathml(node.astext(), as_block=as_block)
    except MathError as error:
        _log.warning("formula: %s", error, location=node)
        return node.astext()
    return _AFTER.sub(THIN, _BEFORE.sub(rf"\1{THIN}", found))


def _inline(translator: HTML5Translator, node: nodes.Element) -> None:
    translator.body.append(_markup(node, as_block=False))
    raise nodes.SkipNode


def _block(translator: HTML5Translator, node: nodes.Element) -> None:
    translator.body.append(f'<div class="math">{_markup(node, as_block=True)}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
