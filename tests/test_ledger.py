"""The ledger adds field by field, for numbers and for one entry a run."""

import numpy as np
import pytest

from chipemu.ledger import Ledger


def test_empty_ledger_is_the_zero_of_addition():
    day = Ledger(spikes=3, control_charge_C=1e-12, chip_time_s=0.5)
    assert day + Ledger() == day == Ledger() + day


def test_every_field_adds():
    names = list(Ledger().as_dict())
    total = Ledger(**{name: 2 for name in names}) + Ledger(**{name: 3 for name in names})
    assert total.as_dict() == {name: 5 for name in names}


def test_one_entry_a_run_adds_by_run():
    total = Ledger(uploads=np.array([1, 2])) + Ledger(uploads=np.array([3, 0]), spikes=7)
    assert total.uploads.tolist() == [4, 2]
    assert total.spikes == 7


def test_a_ledger_does_not_change():
    with pytest.raises(AttributeError):
        Ledger().spikes = 1


def test_only_ledgers_add():
    with pytest.raises(TypeError):
        Ledger() + 1
