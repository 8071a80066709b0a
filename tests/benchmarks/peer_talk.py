"""How `peers.py` and a simulator in another interpreter talk: a line in asks for a run, a line of JSON out reports it.

Standard library only.
"""

import json
import os
import resource
import sys
import time


def start_of_process() -> float:
    """Time at which the driver started this process [s since the epoch]."""
    return float(os.environ.get("PEER_START", time.time()))


def cpu_so_far() -> float:
    """CPU seconds of this process and of those it has waited for."""
    uses = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(use.ru_utime + use.ru_stime for use in uses)


def serve(run, started: float, version: str) -> None:
    """Make a first run, report it with the time since the process started, then one run for every line that comes in.

    Parameters
    ----------
    run : callable without arguments, returns what it reports as a dict
    started : when the process was started
    version : of the simulator
    """
    first = run()
    _say({"version": version, "first_wall_s": time.time() - started, "first_cpu_s": cpu_so_far(), **first})
    for line in sys.stdin:
        if line.strip() != "run":
            break
        _say(run())


def _say(content: dict) -> None:
    print("REPORT " + json.dumps(content), flush=True)
