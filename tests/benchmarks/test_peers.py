"""What surrounds the comparison with other simulators, without any of them."""

import json
import sys

import numpy as np
import pytest
from arrays import RECEPTORS, write_arrays
from figures import roofline_figure, scaling_figure
from largest_step import _judged
from peer_process import FASTER, SLOW_LINE, Peer, rockpool_copy
from peers import read_options

from chipemu.bench.speed import Bench
from chipemu.bench.work import Work
from chipemu.kernels import layout as at
from chipemu.kernels.jit import INTERPRETED

WORK = Work("small", 48, 16, duration=0.02, n_dies=2)
SCRIPT = """
import sys
sys.path.insert(0, {folder!r})
from peer_talk import serve, start_of_process
runs = iter(range(100))
serve(lambda: {{"cpu_s": 0.5, "n_spikes": next(runs)}}, start_of_process(), "counter 1.0")
"""


@pytest.fixture
def counter(tmp_path, request):
    script = tmp_path / "counter.py"
    script.write_text(SCRIPT.format(folder=str(request.path.parent)))
    return script


def test_a_peer_runs_once_and_then_whenever_it_is_asked(counter):
    with Peer(sys.executable, counter, []) as peer:
        assert peer.first["version"] == "counter 1.0"
        assert peer.first["n_spikes"] == 0
        assert peer.first["first_wall_s"] > 0
        assert [peer.run()["n_spikes"] for _ in range(3)] == [1, 2, 3]


def test_a_peer_that_dies_is_reported(tmp_path):
    script = tmp_path / "dies.py"
    script.write_text("raise SystemExit(3)")
    with pytest.raises(RuntimeError, match=r"dies.py ended with code 3"):
        Peer(sys.executable, script, [])


@pytest.mark.skipif(INTERPRETED, reason="needs compiled kernels")
def test_arrays_hold_the_dies_of_the_emulator(tmp_path):
    write_arrays(tmp_path / "small.npz", WORK)
    die, emulator = np.load(tmp_path / "small.npz"), Bench(WORK).emulator
    leak, decay = (emulator._lanes.fields(emulator.state, field) for field in (at.I_TAU, at.DECAY))
    np.testing.assert_allclose(die["I_tau"], leak, rtol=1e-6)
    np.testing.assert_allclose(np.exp(-0.1 / die["tau_ampa"]), decay, rtol=1e-5)
    assert die["weight"].shape == (2, len(die["pre"]))
    assert die["weight"].min() > 0
    assert set(die["receptor"]) == set(range(len(RECEPTORS)))
    # at the point a word of AMPA charges 100 pA, spread by several factors of 20 %
    one_word = np.median(die["weight"][:, die["receptor"] == 0])
    assert one_word == pytest.approx(130, rel=0.3)


def test_largest_step_stops_at_the_first_that_fails():
    seen = _judged((0.1, 0.2, 0.5), [100.5, 103.0, 100.0], 100.0)
    assert seen["largest_ms"] == 0.1
    assert seen["error"] == pytest.approx([0.005, 0.03, 0.0])


def test_slow_line_is_changed_in_a_copy_only(tmp_path, monkeypatch):
    package = tmp_path / "lib" / "rockpool"
    source = package / "devices/dynapse/simulation/dynapsim.py"
    source.parent.mkdir(parents=True)
    (package / "__init__.py").touch()
    source.write_text(f"ws_rec = {SLOW_LINE}\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lib"))
    copy = rockpool_copy(sys.executable, tmp_path / "work")
    assert (copy / source.relative_to(tmp_path / "lib")).read_text() == f"ws_rec = {FASTER}\n"
    assert SLOW_LINE in source.read_text()


def test_parts_are_checked(capsys):
    assert read_options(["--only", "A,cold"]).only == ["A", "cold"]
    with pytest.raises(SystemExit):
        read_options(["--only", "C"])
    assert "unknown part 'C'" in capsys.readouterr().err


def test_figures_draw_what_was_measured():
    row = {"ns": 5.0, "ns_quartiles": [4.0, 7.0], "events_per_step": 0.3, "rate_hz": 40.0}
    seen = {
        "neurons": [{"n_neurons": n, "ns_per_neuron_step": 10.0} for n in (256, 1024)],
        "fan_in": [{"fan_in": n} | row for n in (8, 64)],
        "dies": [{"n_dies": n} | row for n in (1, 8)],
        "dt": [{"dt_ms": dt} | row for dt in (0.1, 1.0)],
        "threads": [{"load": "one", "n_threads": n, "wall_s": 1.0 / n, "speed_up": float(n)} for n in (1, 2)],
        "roofline": {
            "roofs": {"L1_gb_per_s": 200.0, "L2_gb_per_s": 100.0, "DRAM_gb_per_s": 30.0, "peak_gflop_per_s": 100.0},
            "step_ns": {"emulator": 5.0, "written by hand": 4.0},
            "flops_per_step": 180.0,
            "bytes_per_step": 140,
        },
    }
    seen = json.loads(json.dumps(seen))
    assert len(scaling_figure(seen).axes) == 6
    labels = [text.get_text() for text in roofline_figure(seen).axes[0].get_legend().get_texts()]
    assert "step, emulator: 5.00 ns, 36 GFLOP/s" in labels
