"""The committed fits give the numbers that are stored, within what a fit means."""

import numpy as np
import pytest

from chipemu.device import load_device, load_point
from chipemu.validation import fit_epsp, fit_mismatch
from chipemu.validation.check import target, targets
from chipemu.validation.mismatch import cluster_cv, median_cv
from chipemu.validation.synapse import epsp_peaks, epsp_rms


@pytest.fixture(scope="module")
def device():
    return load_device("dynapse1")


def test_three_biases_at_most_are_fitted_and_marked(device):
    point = load_point(fit_epsp.POINT, device)
    marked = [name for name in point.biases if "fit_epsp" in point.quantity(f"biases.{name}").note]
    assert len(fit_epsp.START) <= 3
    assert set(marked) == set(fit_epsp.START)
    assert "IF_THR_N" in marked  # the soma gain
    assert point.circuit["I_spkthr"] >= 6e-9


def test_epsps_grow_linearly_and_then_saturate(device):
    peaks = epsp_peaks(device, load_point(fit_epsp.POINT, device), range(1, 9))
    increments = np.diff(peaks)
    assert increments[:3] == pytest.approx(increments[1], rel=0.1)
    assert np.all(np.diff(increments[2:]) < 0)
    assert 0 < increments[-1] < 0.5 * increments[2]


def test_a_spike_is_no_epsp(device):
    assert np.isinf(epsp_peaks(device, load_point(fit_epsp.POINT, device), [1, 64])[1])


@pytest.mark.slow
def test_the_epsp_fit_gives_the_stored_biases(device):
    point = load_point(fit_epsp.POINT, device)
    biases, rms = fit_epsp.fit(device, point)
    for name, current in biases.items():
        assert current == pytest.approx(point.biases[name], rel=0.02)
    assert rms == pytest.approx(epsp_rms(device, point), rel=0.05)


def test_the_epsp_fit_prints_its_result(capsys, monkeypatch):
    monkeypatch.setattr(fit_epsp, "fit", lambda device, point: (dict(fit_epsp.START), 20e-3))
    assert fit_epsp.main() == 1  # 20 mV is above the allowed 15
    assert "RMS deviation 20 mV (allowed 15 mV)" in capsys.readouterr().out


def test_stored_spreads_are_derived_from_the_fit(device):
    for parameters in fit_mismatch.FREE.values():
        for name in parameters:
            assert device.quantity(f"mismatch.within_core.{name}").source == "derived"
        assert len({device.mismatch.within_core[name] for name in parameters}) == 1


def test_nothing_but_the_fitted_spreads_is_left(device):
    within = fit_mismatch.with_spreads(device, fit_mismatch.START).mismatch.within_core
    fitted = {name for parameters in fit_mismatch.FREE.values() for name in parameters}
    assert within["I_tau2"] == 0.18
    assert all(sigma == 0 for name, sigma in within.items() if name not in fitted)


def test_the_mismatch_fit_prints_a_compromise(capsys, monkeypatch):
    cvs = {line.check: line.expected for line in targets("mismatch") if line.check.endswith(" CV")} | {"rate CV": 10.0}
    monkeypatch.setattr(fit_mismatch, "fit", lambda device, seeds, log: (dict(fit_mismatch.START), cvs))
    assert fit_mismatch.main([]) == 1
    out = capsys.readouterr().out
    assert "MISSED" in out
    assert "compromise: 1 of 5" in out


@pytest.mark.slow
def test_the_mismatch_fit_gives_the_stored_spreads(device):
    sigma, cvs = fit_mismatch.fit(device, range(1, 5))
    for name, parameters in fit_mismatch.FREE.items():
        # four dies instead of eight: the standard error of a spread is 2 % of itself, and the gain leans on the others
        assert sigma[name] == pytest.approx(device.mismatch.within_core[parameters[0]], abs=0.015)
    assert all(target("mismatch", name).compare(got).passed for name, got in cvs.items())


def test_estimators_on_a_known_population():
    rates = np.array([[40.0, 60.0, 40.0, 60.0]])
    assert median_cv(rates) == pytest.approx(0.2)
    assert cluster_cv(rates[None], 1, np.random.default_rng(0)) == pytest.approx(0.2)
    assert cluster_cv(rates[None], 4, np.random.default_rng(0)) == 0
