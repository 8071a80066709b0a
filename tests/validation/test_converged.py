"""The independent solution: it converges, agrees with closed forms, and gives the stored rates again."""

import numpy as np
import pytest

from chipemu.device import load_device, load_point
from chipemu.errors import RunError
from chipemu.kernels.dpi import charge
from chipemu.validation import converged
from chipemu.validation.check import targets
from chipemu.validation.converged import neuron, spike_times
from chipemu.validation.testbench import parameters
from chipemu.validation.timestep import CASES, DC, POISSON, converged_rate, emulated_rate, mean_rate


@pytest.fixture(scope="module")
def device():
    return load_device("dynapse1")


def cell_at(device, name):
    point = load_point(name, device)
    return neuron(parameters(device, point), point.temperature)


def test_numbers_of_the_reference_point(device):
    cell = cell_at(device, "ds-fi")
    assert cell.tau == pytest.approx(2 * 25 / (0.705 * 5), rel=1e-3)  # C U_T / (kappa I_tau) = 14.2 ms
    assert (cell.t_ref, cell.i_threshold, cell.i_fb_gain) == pytest.approx((5, 2000, 100))


@pytest.mark.parametrize(("current", "fires"), [(214, False), (218, True)])
def test_rheobase_with_feedback(device, current, fires):
    # the saddle node is at 216.1 pA
    assert (len(spike_times(cell_at(device, "ds-fi"), current, [], 0, 800.0, 1e-7)) > 0) is fires


def test_tighter_tolerance_changes_nothing_that_is_compared(device):
    cell = cell_at(device, "ds-fi")
    coarse, fine = (mean_rate(spike_times(cell, 395, [], 0, 500.0, tolerance)) for tolerance in (1e-7, 1e-10))
    assert coarse == pytest.approx(fine, rel=1e-5)


@pytest.mark.parametrize("before", [1.0, 30.0, 900.0])
@pytest.mark.parametrize("words", [1, 12, 60])
def test_both_charge_maps_agree(device, before, words):
    cell = cell_at(device, "mismatch-fit")
    kernel = charge(np.float64(before), np.float64(cell.i_gain_syn), np.float64(words * cell.charge))
    assert cell.jump(before, words) == pytest.approx(kernel, rel=1e-9)


def test_coincident_events_arrive_as_one_pulse(device):
    cell = cell_at(device, "mismatch-fit")
    two = spike_times(cell, 0.0, [5.0, 5.0, 8.0, 8.0], 20, 60.0)
    assert len(two) > 0
    assert np.array_equal(two, spike_times(cell, 0.0, [5.0, 8.0], 40, 60.0))


def test_a_quiet_cell_rests(device):
    assert len(spike_times(cell_at(device, "mismatch-fit"), 0.0, [5.0], 1, 100.0)) == 0


def test_a_solver_that_gives_up_is_reported(device, monkeypatch):
    class Stopped:
        status, t, message = -1, np.array([3.0]), "step size too small"

    monkeypatch.setattr(converged, "solve_ivp", lambda *arguments, **options: Stopped)
    with pytest.raises(RunError, match="stopped at 3 ms: step size too small"):
        spike_times(cell_at(device, "ds-fi"), 300, [], 0, 10.0)


def test_the_table_holds_the_cases_over_the_range_of_rates():
    lines = targets("timestep")
    assert [(line.check, line.operating_point, line.drive, line.drive_unit) for line in lines] == list(CASES)
    for check in (DC, POISSON):
        rates = [line.expected for line in lines if line.check == check]
        assert min(rates) < 6
        assert max(rates) > 95
    assert all(line.tolerance == pytest.approx(0.01 * line.expected, abs=1e-4) for line in lines)


@pytest.mark.parametrize(
    "line", [line for line in targets("timestep") if line.check == DC][2:5:2], ids=lambda x: x.name
)
def test_stored_rates_are_what_the_solver_gives(device, line):
    got = converged_rate(device, line.check, line.operating_point, line.drive)
    assert got == pytest.approx(line.expected, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("line", targets("timestep"), ids=lambda line: f"{line.operating_point} {line.name}")
def test_all_stored_rates_are_what_the_solver_gives(device, line):
    got = converged_rate(device, line.check, line.operating_point, line.drive)
    assert got == pytest.approx(line.expected, rel=1e-4)


@pytest.mark.slow
def test_float64_has_the_same_error_of_the_step(device):
    for line in targets("timestep"):
        got = emulated_rate(device, line.check, line.operating_point, line.drive, "float64")
        assert got == pytest.approx(line.expected, rel=0.01)


def test_mean_rate_needs_two_spikes():
    assert mean_rate(np.array([0.1])) == 0
    assert mean_rate(np.array([0.1, 0.3, 0.5])) == pytest.approx(5)
