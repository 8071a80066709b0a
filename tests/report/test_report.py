"""A page needs nothing but itself, says what the result holds and nothing else, and trusts no text in it."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import xarray as xr

from chipemu import storage, variables
from chipemu.cli import main
from chipemu.errors import InputError
from chipemu.report import render_report, write_report

pytestmark = pytest.mark.figure
RUN = ("chip", "noise")
SHAPE = (6, 2)
HOSTILE = '<script>alert("1")</script>'
VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """Tags, attributes, texts and identifiers of a page; unclosed or crossed elements are an error."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids, self.headings, self.links, self.text = [], [], [], [], [], ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        self.links += [value for name, value in attrs if name in ("href", "src", "xlink:href", "action", "data")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


def result(**more):
    """Return what `learn` gives on six dies, complete or cut down."""
    random = np.random.default_rng(0)
    arrays = {
        "accuracy_test": (RUN, random.uniform(0.6, 0.7, SHAPE)),
        "accuracy_cloned": (RUN, random.uniform(0.5, 0.6, SHAPE)),
        "accuracy_control": (RUN, random.uniform(0.9, 1.0, SHAPE)),
        "accuracy_linear": 0.643,
        "accuracy_chance": 1 / 3,
        "target_error_off": (RUN, random.uniform(7, 9, SHAPE)),
        "decision_latency": (RUN, np.full(SHAPE, 0.21)),
        "energy_per_inference": (RUN, np.full(SHAPE, 4.2e-8)),
        "spikes_per_inference": (RUN, np.full(SHAPE, np.nan)),
        "validation_history": ((*RUN, "checkpoint"), random.uniform(0.5, 0.7, (*SHAPE, 3))),
        "confusion": ((*RUN, "true_class", "decided_class"), np.tile([[3, 1], [0, 4]], (*SHAPE, 1, 1))),
        "weight": ((*RUN, "post", "pre"), random.integers(-7, 8, (*SHAPE, 20, 8))),
        "calibration_success": ("chip", np.array([True] * 5 + [False])),
        "die_offset": (("chip", "parameter"), random.normal(0, 0.05, (6, 2))),
        "die_spread": (("chip", "parameter"), random.normal(0.2, 0.01, (6, 2))),
        "ledger_spikes": (RUN, np.full(SHAPE, 103614)),
        "ledger_control_charge_C": (RUN, np.full(SHAPE, 3.4e-8)),
        "status": (RUN, np.full(SHAPE, "done", object)),
        "reason": (RUN, np.full(SHAPE, "", object)),
    }
    coords = {
        "checkpoint": [0, 100, 200],
        "true_class": ["yin", "yang"],
        "decided_class": ["yin", "yang"],
        "parameter": ["I_tau", "I_gain"],
        "chip_seed": ("chip", np.arange(6) + 40),
        "noise_seed": ("noise", np.arange(2)),
    }
    origin = storage.provenance(
        device="dynapse1",
        device_hash="12ab",
        operating_points=["output"],
        mapping_hash="34cd",
        seeds={"seed": 7},
        temperature=298.15,
        references=["Haag et al. 2026", "Moradi et al. 2018"],
    )
    return variables.label(xr.Dataset(arrays | more, coords, origin | {"task": "binary"}))


def study(factor="mismatch_scale", values=(0.0, 1.0, 4.0)):
    return variables.label(result().expand_dims({factor: list(values)}).assign_attrs(study="grid"))


def headings(dataset):
    return Page(render_report(dataset)).headings


@pytest.fixture(scope="module")
def page():
    return render_report(study())


def test_page_is_well_formed_and_says_its_language(page):
    parsed = Page(page)
    assert ("html", {"lang": "en"}) in parsed.tags
    assert any(tag == "meta" and attributes.get("name") == "viewport" for tag, attributes in parsed.tags)
    assert not [tag for tag, _ in parsed.tags if tag in ("script", "link", "iframe", "object", "embed", "form")]


def test_nothing_outside_the_page_is_asked_for(page):
    assert not re.search(r"https?:|@import|\bsrc=|\bon\w+=", page)
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in Page(page).links)
    assert all(place.startswith("#") for place in re.findall(r"url\(([^)]*)\)", page))
    assert "default-src 'none'" in page


def test_identifiers_are_unique_and_every_local_link_has_an_end(page):
    parsed = Page(page)
    assert len(parsed.ids) == len(set(parsed.ids))
    used = {link[1:] for link in parsed.links if link.startswith("#")} | set(re.findall(r"url\(#([^)]*)\)", page))
    assert used <= set(parsed.ids)


def test_every_figure_is_told_in_words(page):
    figures = [attributes for tag, attributes in Page(page).tags if attributes.get("role") == "img"]
    assert len(figures) == page.count("<svg") >= 6
    assert all(len(attributes["aria-label"]) > 20 for attributes in figures)


def test_same_result_gives_the_same_bytes(page):
    assert render_report(study()) == page


def test_a_whole_result_has_all_sections_and_units():
    parsed = Page(render_report(result()))
    assert parsed.headings == [
        "What was run", "Result", "Dies", "Yield", "Cloned weights", "Confusion", "Training", "Weights",
        "The worst die", "Ledger", "Origin", "References to cite",
    ]  # fmt: skip
    for words in (
        "25 °C",
        "210 ms",
        "42 nJ",
        "34 nC",
        "64.3",
        "at least 61.3\xa0% (linear − 3 points)",
        "Moradi et al.",
    ):
        assert words in parsed.text
    assert "spikes per inference" not in parsed.text


@pytest.mark.parametrize(
    ("variable", "heading"),
    [
        ("accuracy_cloned", "Cloned weights"),
        ("confusion", "Confusion"),
        ("validation_history", "Training"),
        ("weight", "Weights"),
    ],
)
def test_what_is_absent_is_left_out(variable, heading):
    assert heading in headings(result())
    assert heading not in headings(result().drop_vars(variable))
    assert heading not in headings(result().assign({variable: result()[variable] * np.nan}))


def test_what_a_study_holds_fixed_is_said():
    page = Page(render_report(study().assign_attrs(eta=0.3, age=3600.0, rule="delta")))
    told = " ".join(page.text.split())
    assert "eta 0.3" in told
    assert "age 3.6 ks" in told
    assert "rule delta" in told


def test_neurons_are_drawn_where_they_were_measured():
    current, n_cores = np.linspace(0, 6e-11, 4), 4
    measured = result(
        fi_rate=(("chip", "fi_current", "fi_neuron"), np.ones((6, 4, 8))),
        neuron_factor=(("chip", "core", "neuron"), np.ones((6, n_cores, 256))),
    ).assign_coords(fi_current=current)
    parsed = Page(render_report(measured))
    assert "Neurons" in parsed.headings
    assert any(link.startswith("data:image/png") for link in parsed.links)


def test_the_least_result_still_makes_a_page():
    least = xr.Dataset({"accuracy_validation": (RUN, [[0.5]])})
    assert headings(least) == ["What was run", "Result", "Yield"]
    failed = xr.Dataset({"status": (RUN, [["failed"]]), "reason": (RUN, [["die 7 is lost"]])})
    assert headings(failed) == ["What was run", "Result", "Failed runs"]


def test_text_out_of_the_file_is_escaped():
    status = np.full(SHAPE, "done", object)
    status[2, 1] = "failed"
    reason = np.full(SHAPE, "", object)
    reason[2, 1] = HOSTILE
    names = [HOSTILE, "$-->"]
    hostile = result(status=(RUN, status), reason=(RUN, reason)).assign_coords(
        parameter=names, true_class=names, decided_class=names
    )
    told = hostile.attrs | {name: HOSTILE for name in ("device", "task", "references", "seeds", "study_toml", "study")}
    for dataset in (hostile.assign_attrs(told), hostile.expand_dims(device=names).assign_attrs(told)):
        page = render_report(dataset)
        assert "<script" not in page
        assert "&lt;script&gt;" in page
        assert HOSTILE in Page(page).text
    assert "<script" not in render_report(result(), title=HOSTILE)


def test_worst_die_is_named_with_what_is_special_about_it():
    accuracy = np.full(SHAPE, 0.7)
    accuracy[3] = 0.5
    offset = np.random.default_rng(1).normal(0, 0.01, (6, 2))
    offset[3, 1] = 0.4
    text = Page(render_report(result(accuracy_test=(RUN, accuracy), die_offset=(("chip", "parameter"), offset)))).text
    assert "Die 3 (seed 43) is right in 50.0 % of the presentations, 20.0 points below the median die (70.0 %)" in text
    first = text[text.index("Where it differs most") :]
    assert re.search(
        r"I_gain\s+mean of ln factor\s+\+0\.400", first[: first.index("I_tau") if "I_tau" in first else None]
    )


@pytest.mark.parametrize(
    ("factor", "values", "words"),
    [
        ("temperature", (283.15, 298.15, 333.15), "temperature (°C)"),
        ("device", ("ideal", "chips/mine.toml"), "against device"),
        ("where", ("chip", "host"), "against where learning happens"),
        ("eta", (0.1, 1.0, 10.0), "learning rate"),
    ],
)
def test_any_factor_can_be_reported(factor, values, words):
    text = render_report(study(factor, values))
    assert words in text
    assert "Accuracy against what was varied" in Page(text).headings


def test_two_factors_make_one_figure_for_each_value_of_the_other():
    both = study().expand_dims(device=["ideal", "dynapse1"])
    page = render_report(variables.label(both))
    assert (
        page.count("Test accuracy against mismatch scale (1 = device file), feedback off (device") == 4
    )  # alt, caption


def test_what_is_no_result_is_refused(tmp_path):
    with pytest.raises(InputError, match="with chip and noise"):
        render_report(xr.Dataset({"spike_time": ("spike", [0.1])}))
    with pytest.raises(InputError, match=r"bound 1\.5"):
        render_report(result(), bounds=(1.5,))
    with pytest.raises(InputError, match=r"\.html"):
        write_report(result(), tmp_path / "page.pdf")


def test_command_writes_the_page_beside_the_result(tmp_path, capsys):
    storage.save(result(), tmp_path / "r.h5")
    with pytest.raises(SystemExit) as leaving:
        main(["report", str(tmp_path / "r.h5"), "--json"])
    assert not leaving.value.code
    path = json.loads(capsys.readouterr().out)["report"]
    assert path == str(tmp_path / "r.html")
    assert Page((tmp_path / "r.html").read_text(encoding="utf-8")).headings[0] == "What was run"


@pytest.mark.parametrize(("out", "words"), [("r.pdf", ".html"), ("absent/r.html", "no folder")])
def test_command_refuses_a_page_that_cannot_be_written(tmp_path, capsys, out, words):
    storage.save(result(), tmp_path / "r.h5")
    with pytest.raises(SystemExit) as leaving:
        main(["report", str(tmp_path / "r.h5"), "--out", str(tmp_path / out)])
    assert leaving.value.code == 2
    assert words in capsys.readouterr().err
