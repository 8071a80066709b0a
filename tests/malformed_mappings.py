"""Mapping files that must be refused.

`CASES` lists (name, content, fragments of the message): variants of the mapping of `small_network` on dynapse1.
"""

import re

from chipemu.device import load_device
from chipemu.mapping import map_network
from chipemu.mapping.files import mapping_text
from chipemu.network import Network


def small_network() -> Network:
    """Three inputs, two populations with their own operating points, one trained and one fixed projection."""
    network = Network("small")
    network.sources("inputs", 3)
    network.population("outputs", 4, point="output")
    network.population("controllers", 4, point="controller")
    network.project_signed("inputs", "outputs", positive="ampa", negative="gaba_b", name="weights")
    network.project("controllers", "outputs", receptor="nmda", pairs="one", name="up")
    return network


def _cases(good: str) -> list[tuple[str, str | bytes, tuple[str, ...]]]:

    def swap(old, new, count=1):
        assert old in good
        return good.replace(old, new, count)

    first_run = re.search(r"\{ core = 0.*?\}", good)[0]
    tags = re.search(r"tags = \[.*?\]", good)[0]
    return [
        ("wrong_type", swap("first = 1,", 'first = "one",'), ("population.0.neurons.0.first", "'one'", "integer")),
        ("missing_key", swap('device = "dynapse1"\n', ""), ("device: missing", "device = ")),
        ("unknown_key", swap("schema = 1", "schema = 1\ncolour = 3"), ("colour: unknown key", "nearest")),
        ("nan", swap("n = 4", "n = nan"), ("population.0.neurons.0.n", "nan", "integer")),
        (
            "negative",
            swap("first = 1,", "first = -1,"),
            ("population.0.neurons.0.first", "-1", "greater than or equal to 0"),
        ),
        ("unit_on_a_count", swap("n = 4", 'n = "4 mV"'), ("population.0.neurons.0.n", "4 mV", "integer")),
        ("two_faults", swap("first = 1, n = 4", "first = -1, n = 0"), ("neurons.0.first", "neurons.0.n")),
        ("unknown_schema", swap("schema = 1", "schema = 99"), ("schema: 99", "allowed 1")),
        ("key_twice", swap("schema = 1", "schema = 1\nschema = 1"), ("not valid TOML", "line 3", "once")),
        ("truncated", good[: good.index("tags = [") + 9], ("not valid TOML", "tags = [")),
        ("binary", b"\x89HDF\r\n\x1a\n" + bytes(range(256)), ("not text", "UTF-8")),
        ("absurd_size", good + "#" * 1_000_001, ("1 MB",)),
        ("absurd_count", swap("n = 4", "n = 999999999999"), ("population.0.neurons.0.n", "100000")),
        ("empty", "", ("schema: missing", "network_hash: missing")),
        ("unknown_population", swap('name = "outputs"', 'name = "output"'), ("'output' is not in", "nearest: outputs")),
        ("population_twice", swap('name = "controllers"', 'name = "outputs"'), ("'outputs' stands 2 times",)),
        ("core_twice", swap("core = 1\npoint", "core = 0\npoint"), ("core 0 stands 2 times", "allowed once")),
        ("wrong_point", swap('point = "output"', 'point = "hidden"'), ("population.outputs", "'hidden'", "'output'")),
        ("too_few_neurons", swap("n = 4", "n = 3"), ("population.outputs", "places 3", "has 4")),
        ("too_few_tags", swap(tags, "tags = [9, 10]"), ("sources.inputs", "places 2", "has 3")),
        ("other_network", good.replace(_hash(good, "network_hash"), "0" * 64), ("network_hash", "differs")),
        ("other_device", good.replace(_hash(good, "capacity_hash"), "0" * 64), ("capacity_hash", "000000000000...")),
        ("other_words", good.replace(_hash(good, "hash", -1), "0" * 64), ("projection.up", "words differ")),
        ("bad_hash", good.replace(_hash(good, "network_hash"), "abc"), ("network_hash: 'abc'", "pattern")),
        ("reserved", swap("first = 1,", "first = 0,"), ("neuron 0 of core 0", "reserved", "devices/dynapse1.toml")),
        (
            "overlap",
            swap(first_run, "{ core = 0, first = 1, n = 3 }, { core = 0, first = 2, n = 1 }"),
            ("neuron 2 of core 0",),
        ),
        ("outside", swap("first = 1,", "first = 254,"), ("neurons 254 to 257", "0 to 255", "chip.n_neurons_per_core")),
        ("alias", swap(tags, "tags = [9, 10, 10]"), ("tag 10", "source 1 of sources 'inputs'")),
        ("tag_beyond_bits", swap(tags, "tags = [9, 10, 1024]"), ("tag 1024", "1 to 1023", "chip.tag_bits")),
    ]


def _hash(text, key, which=0):
    return re.findall(rf'^{key} = "([0-9a-f]{{64}})"', text, re.MULTILINE)[which]


CASES = _cases(mapping_text(map_network(small_network(), load_device("dynapse1"))))
