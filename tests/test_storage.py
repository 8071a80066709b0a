"""A saved dataset comes back equal, is never half written, and a stranger's file is refused with a clear message."""

import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chipemu import storage, variables
from chipemu.errors import InputError

RUN = ("chip", "noise")


@pytest.fixture
def dataset():
    rng = np.random.default_rng(0)
    arrays = {
        "accuracy_test": (RUN, np.array([[0.1, np.nan], [1 / 3, 1.0]])),
        "weight": ((*RUN, "post", "pre"), rng.integers(-9, 9, (2, 2, 30, 100)).astype(np.int16)),
        "status": (RUN, np.array([["done", "failed"], ["done", "done"]])),
        "reason": (RUN, np.array([["", "no stable gain — σ"], ["", ""]])),
        "calibration_success": ("chip", [True, False]),
        "accuracy_ideal": 0.65,
        "spike_time": ("spike", rng.uniform(0, 1, 7)),
        "time": ("time", np.array([0.0, 1e-3])),
    }
    attributes = storage.provenance(
        device="ideal",
        device_hash="12ab",
        operating_points=["output", "controller"],
        mapping_hash="34cd",
        seeds={"study": 7},
        temperature=298.15,
        references=["A 2020", "B 2021"],
    )
    coordinates = {"chip_seed": ("chip", np.array([1, 2**63], dtype=np.uint64))}
    return variables.label(xr.Dataset(arrays, coords=coordinates, attrs=attributes))


@pytest.fixture
def saved(dataset, tmp_path):
    return storage.save(dataset, tmp_path / "result.h5")


def test_what_is_loaded_is_what_was_saved(dataset, saved):
    loaded = storage.load(saved)
    xr.testing.assert_identical(loaded, dataset)
    assert {name: v.dtype.kind for name, v in loaded.items()} == {name: v.dtype.kind for name, v in dataset.items()}


def test_any_hdf5_reader_opens_it(dataset, saved):
    with h5py.File(saved) as file:
        np.testing.assert_array_equal(file["weight"], dataset["weight"])
        assert file["spike_time"].attrs["units"] in ("s", b"s")
        assert file.attrs["operating_points"] in ("output; controller", b"output; controller")
    with xr.open_dataset(saved, engine="h5netcdf") as opened:
        assert opened["time"].dtype == float


def test_saving_twice_writes_the_same_bytes(dataset, saved, tmp_path):
    assert storage.save(dataset, tmp_path / "again.h5").read_bytes() == saved.read_bytes()


def test_integers_of_a_file_can_be_joined_by_a_missing_value(saved, tmp_path):
    loaded = storage.load(saved)
    missing = loaded.assign(weight=loaded["weight"].where(loaded["weight"] > 0))
    again = storage.load(storage.save(missing, tmp_path / "again.h5"))
    np.testing.assert_array_equal(again["weight"], missing["weight"])


def test_recording_without_a_spike(dataset, tmp_path):
    empty = xr.Dataset({"spike_time": ("spike", np.empty(0))}, attrs=dataset.attrs)
    assert storage.load(storage.save(empty, tmp_path / "silent.h5"))["spike_time"].shape == (0,)


def test_units_are_filled_in_from_the_declaration(dataset, tmp_path):
    bare = xr.Dataset({"spike_time": ("spike", [0.5])}, attrs=dataset.attrs)
    assert storage.load(storage.save(bare, tmp_path / "bare.h5"))["spike_time"].attrs["units"] == "s"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.assign(acuracy=1.0), "nearest"),
        (lambda d: d.rename(post="prost"), "dimensions"),
        (lambda d: d.drop_attrs(deep=False), "attributes missing: schema_version"),
        (lambda d: d.assign_attrs(seeds={"study": 7}), "attribute 'seeds'"),
    ],
)
def test_what_is_not_declared_is_not_written(dataset, tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        storage.save(change(dataset), tmp_path / "result.h5")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file_and_no_temporary(saved):
    before = saved.read_bytes()

    def write_and_fail():
        with storage.replacing(saved) as temporary:
            temporary.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_and_fail()
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_missing_folder_is_named(dataset, tmp_path):
    with pytest.raises(InputError, match="no folder"):
        storage.save(dataset, tmp_path / "absent" / "result.h5")


def test_absent_file_is_named(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        storage.load(tmp_path / "absent.h5")


def test_a_file_cut_anywhere_is_refused(saved):
    content = saved.read_bytes()
    for length in (0, 7, 100, len(content) // 2, len(content) - 1):
        saved.write_bytes(content[:length])
        with pytest.raises(InputError, match=r"result\.h5"):
            storage.load(saved)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_flipped_bytes_give_data_or_an_input_error(saved, data):
    content = bytearray(saved.read_bytes())
    # Metadata stand in the first kilobytes; flips in the numbers themselves go unnoticed by design.
    for place in data.draw(st.lists(st.integers(0, min(4000, len(content) - 1)), min_size=1, max_size=8)):
        content[place] ^= 0x55
    damaged = saved.with_name("damaged.h5")
    damaged.write_bytes(content)
    try:
        storage.load(damaged, max_bytes=10_000_000)
    except InputError as error:
        assert "damaged.h5" in str(error)  # noqa: PT017


def test_sizes_are_bounded_before_anything_is_unpacked(saved, tmp_path):
    with pytest.raises(InputError, match="the limit is 1000"):
        storage.load(saved, max_bytes=1000)
    bomb = tmp_path / "bomb.h5"
    with h5py.File(bomb, "w") as file:
        file.create_dataset("spike_time", shape=(10**12,), chunks=(10**6,), compression="gzip", dtype="f8")
    with pytest.raises(InputError, match="unpacks to 8000000000000 bytes"):
        storage.load(bomb)


def _external_link(file):
    file["spike_time"] = h5py.ExternalLink("other.h5", "/spike_time")


def _soft_link(file):
    file["spike_time"] = h5py.SoftLink("/elsewhere")


def _external_data(file):
    file.create_dataset("spike_time", (4,), "u1", external=[("/etc/hostname", 0, 4)])


def _virtual_data(file):
    layout = h5py.VirtualLayout((4,), "f8")
    layout[:] = h5py.VirtualSource("other.h5", "spike_time", (4,))
    file.create_virtual_dataset("spike_time", layout)


def _compound(file):
    file["spike_time"] = np.zeros(3, dtype=[("time", "f8"), ("neuron", "i4")])


def _reference(file):
    file["spike_time"] = np.array([file.ref], dtype=h5py.ref_dtype)


def _opaque(file):
    file["spike_time"] = np.void(b"\x80\x04pickle")


def _group(file):
    file.create_group("spike_time")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_external_link, "is a link"),
        (_soft_link, "is a link"),
        (_external_data, "another file"),
        (_virtual_data, "another file"),
        (_compound, "only numbers and text"),
        (_reference, "only numbers and text"),
        (_opaque, "only numbers and text"),
        (_group, "is a group"),
    ],
)
def test_a_strangers_file_cannot_reach_outside_or_hold_objects(tmp_path, make, message):
    path = tmp_path / "stranger.h5"
    with h5py.File(path, "w") as file:
        make(file)
    with pytest.raises(InputError, match=message):
        storage.load(path)


def test_another_schema_is_refused_by_number(saved):
    with h5py.File(saved, "r+") as file:
        file.attrs["schema_version"] = 99
    with pytest.raises(InputError, match="schema version 99"):
        storage.load(saved)


def test_text_file_is_refused(tmp_path):
    path = tmp_path / "result.h5"
    path.write_text("accuracy = 1.0")
    with pytest.raises(InputError, match="not an HDF5 file"):
        storage.load(path)


def test_merged_provenance_names_every_device():
    parts = [{"device": "ideal", "age_s": 0.0}, {"device": "dynapse1", "age_s": 0.0}]
    assert storage.merge_provenance(parts) == {"device": "dynapse1; ideal", "age_s": 0.0}
