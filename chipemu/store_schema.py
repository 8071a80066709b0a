"""The form of a device file's table `[store.KIND]`: what plastic synapses keep their weight in."""

from typing import Any

from pydantic import model_validator

from chipemu.device_fields import SMALL_CAPACITANCE, Section, numbers, quantity

_CONDUCTANCE = quantity("S", 1e-9, 1e-2, '"25 uS"')
_SMALLEST = quantity("S", 0.0, 1e-2, '"0 S"')
_FIRST_TIME = quantity("s", 1e-3, 1e4, '"20 s"')
_READ_TIME = quantity("s", 1e-12, 1.0, '"250 ns"')
_LINE = numbers("", -10.0, 10.0, 2, "[-0.0155, 0.0244]")
_LIMITS = numbers("", 0.0, 10.0, 2, "[0.049, 0.1]")


def _polynomial(count: int) -> Any:
    return numbers("S", -1e-3, 1e-3, count, '["0.26 uS", ...]')


class PairSection(Section):
    """What memristive stores share."""

    G_min: _SMALLEST
    G_max: _CONDUCTANCE

    @model_validator(mode="after")
    def _range_is_open(self) -> "PairSection":
        if self.G_min.value >= self.G_max.value:
            raise ValueError(f"G_min = {self.G_min}, G_max = {self.G_max}; allowed G_min < G_max")
        return self


class PcmSection(PairSection):
    """Phase-change memory."""

    t_0: _FIRST_TIME
    programming: _polynomial(3)
    nu_mean: _LINE
    nu_mean_limits: _LIMITS
    nu_sigma: _LINE
    nu_sigma_limits: _LIMITS
    read: _LINE
    read_limit: quantity("", 0.0, 10.0, "0.2")
    t_read: _READ_TIME

    @model_validator(mode="after")
    def _limits_rise(self) -> "PcmSection":
        for name in ("nu_mean_limits", "nu_sigma_limits"):
            low, high = getattr(self, name).value
            if low > high:
                raise ValueError(f"{name} = [{low:g}, {high:g}]; allowed the smaller limit first")
        return self


class RramSection(PairSection):
    """Filamentary RRAM whose spread is known at three times."""

    t_0: _FIRST_TIME
    programming: _polynomial(5)
    times: numbers("s", 1.0, 1e9, 2, '["1 day", "2 days"]')
    spread_early: _polynomial(5)
    spread_late: _polynomial(5)
    read_sigma: quantity("", 0.0, 1.0, "0.01")

    @model_validator(mode="after")
    def _times_rise(self) -> "RramSection":
        if self.times.value[0] >= self.times.value[1]:
            raise ValueError(f"times = {self.times}; allowed two times in rising order")
        return self


class CmoSection(PairSection):
    """Filamentary RRAM with a conductive metal oxide."""

    t_0: _FIRST_TIME
    programming_offset: quantity("S", 0.0, 1e-3, '"0.01 uS"')
    programming_slope: quantity("", 0.0, 1.0, "0.01")
    drift_mean: quantity("S", -1e-3, 1e-3, '"-0.09 uS"')
    drift_sigma: numbers("S", 0.0, 1e-3, 2, '["0.042 uS", "0.41 uS"]')
    read: quantity("S", 0.0, 1e-3, '"0.028 uS"')
    t_read: _READ_TIME


class CapacitorSection(Section):
    """A leaking capacitor with a bistable circuit."""

    C: SMALL_CAPACITANCE
    V_low: quantity("V", 0.0, 5.0, '"0.4 V"')
    V_high: quantity("V", 0.0, 5.0, '"1.4 V"')
    V_threshold: quantity("V", 0.0, 5.0, '"0.9 V"')
    I_leak: quantity("A", 0.0, 1e-9, '"1 fA"')
    I_refresh: quantity("A", 0.0, 1e-9, '"5 fA"')

    @model_validator(mode="after")
    def _levels_are_in_order(self) -> "CapacitorSection":
        if not self.V_low.value < self.V_threshold.value < self.V_high.value:
            raise ValueError(
                f"V_low = {self.V_low}, V_threshold = {self.V_threshold}, V_high = {self.V_high} are out of order; "
                "allowed V_low < V_threshold < V_high"
            )
        return self


class StoreSection(Section):
    """One table, named by the kind of store; without any the code itself acts."""

    pcm: PcmSection | None = None
    rram: RramSection | None = None
    cmo: CmoSection | None = None
    capacitor: CapacitorSection | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "StoreSection":
        given = [kind for kind in type(self).model_fields if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(
                f"tables for {', '.join(given) or 'nothing'}; allowed exactly one of store.pcm, store.rram, store.cmo, "
                "store.capacitor"
            )
        return self
