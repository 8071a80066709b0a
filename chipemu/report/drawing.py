"""A figure as a drawing inside a page."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING

from markupsafe import Markup

from chipemu.figures.style import write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NOT_DRAWN = (
    re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>", re.DOTALL),
    re.compile(r"<!--.*?-->", re.DOTALL),
    re.compile(r"<metadata>.*?</metadata>", re.DOTALL),
    re.compile(r"<style.*?</style>", re.DOTALL),
    re.compile(r'\sxmlns(:\w+)?="[^"]*"'),
)
# The page gives the width, the viewBox keeps the proportions. Letters are paths, which a screen reader cannot read: the
# page says in words what is shown. The sheet of matplotlib would reach the whole page; its lines are inherited instead.
_ROOT = re.compile(r'<svg[^>]*?viewBox="([^"]*)"[^>]*>')
_PLACED = r'<svg viewBox="\1" style="stroke-linejoin:round;stroke-linecap:butt" aria-hidden="true" focusable="false">'
_ID = re.compile(r'\sid="([^"]+)"')
_USED = re.compile(r'url\(#([^)]+)\)|href="#([^"]+)"')


@dataclass(frozen=True)
class Drawing:
    """A figure on a page.

    Parameters
    ----------
    svg : Markup
        The drawing, as markup that may stand in a page.
    alt : str
        What it shows, in words, for who cannot see it.
    caption : str
        What stands below it.
    """

    svg: Markup
    alt: str
    caption: str
    kind: str = field(default="drawing", init=False)


def inline_svg(axes: Axes, prefix: str) -> Markup:
    """Return a figure as markup that may stand in a page beside others.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Any axes of the figure.
    prefix : str
        Put before every identifier; one figure must not borrow the clip paths or letters of another.

    Returns
    -------
    markupsafe.Markup
        An `<svg>` element as wide as its place. It asks for nothing outside itself; letters are drawn as paths, so
        that no font is needed.

    Examples
    --------
    >>> from chipemu.figures import new_axes
    >>> drawing = inline_svg(new_axes(), "f1-")
    >>> drawing[:4], "http" in drawing, 'id="f1-' in drawing
    (Markup('<svg'), False, True)
    """
    stream = BytesIO()
    write_figure(axes, stream, "svg")
    text = stream.getvalue().decode("utf-8")
    for pattern in _NOT_DRAWN:
        text = pattern.sub("", text)
    # HTML knows no namespaces.
    text = text.replace("xlink:href=", "href=")
    used = {name for pair in _USED.findall(text) for name in pair if name}
    text = _ID.sub(lambda found: f' id="{prefix}{found[1]}"' if found[1] in used else "", text)
    text = text.replace("url(#", f"url(#{prefix}").replace('href="#', f'href="#{prefix}')
    return Markup(_ROOT.sub(_PLACED, text, count=1).strip())
