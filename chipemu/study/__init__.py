"""Studies: factors x dies x noise seeds, resumable, one file at the end."""

from chipemu.study.folder import Failure, StudyStatus, open_study, study_status
from chipemu.study.plan import PointSettings, Unit, manifest, points, runs, units
from chipemu.study.report import report_study
from chipemu.study.rerun import Rerun, rerun
from chipemu.study.run import run_study
from chipemu.study.schema import Study, load_study, parse_study

__all__ = [
    "Failure",
    "PointSettings",
    "Rerun",
    "Study",
    "StudyStatus",
    "Unit",
    "load_study",
    "manifest",
    "open_study",
    "parse_study",
    "points",
    "report_study",
    "rerun",
    "run_study",
    "runs",
    "study_status",
    "units",
]
