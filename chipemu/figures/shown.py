"""A figure that a notebook shows: IPython draws plain ones only where the inline backend of pyplot is loaded."""

from io import BytesIO

from matplotlib.figure import Figure

_DPI = 200  # twice what is shown, so that print stays sharp on fine screens


class ShownFigure(Figure):
    """A figure built without pyplot that is an image as the last line of a notebook cell."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """The drawing as PNG, and the size [pixel] at which to show it: half its own."""
        stream = BytesIO()
        self.savefig(stream, format="png", dpi=_DPI)
        width, height = (round(inches * _DPI / 2) for inches in self.get_size_inches())
        return stream.getvalue(), {"width": width, "height": height}
