"""One self-contained HTML page about a result: nothing outside the file is asked for, and nothing in it runs."""

from chipemu.report.page import ENDINGS, render_report, write_report
from chipemu.report.points import combinations, main_factor, point_name

__all__ = ["ENDINGS", "combinations", "main_factor", "point_name", "render_report", "write_report"]
