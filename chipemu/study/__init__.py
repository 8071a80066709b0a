"""Studies: factors x dies x noise seeds, resumable, one file at the end."""

from chipemu.study.plan import PointSettings, manifest, points, runs
from chipemu.study.report import report_study
from chipemu.study.run import StudyStatus, open_study, run_study, study_status
from chipemu.study.schema import Study, load_study, parse_study

__all__ = [
    "PointSettings",
    "Study",
    "StudyStatus",
    "load_study",
    "manifest",
    "open_study",
    "parse_study",
    "points",
    "report_study",
    "run_study",
    "runs",
    "study_status",
]
