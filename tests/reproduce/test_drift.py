"""Tests of meticulous.reproduce.environment.drift and .variables."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous.reproduce.environment.drift import (
    KINDS,
    determinism_drift,
    find_drift,
    unknown_parts,
)
from meticulous.reproduce.environment.variables import is_restored, restored_variables
from meticulous.reproduce.verdict import Drift

ENVIRONMENT: dict[str, Any] = {
    "format": 1,
    "collected-at": "2024-05-01T12:00:00+02:00",
    "duration-seconds": 0.1,
    "python": {"version": "3.11.7", "implementation": "cpython", "byteorder": "little"},
    "virtual-environment": {"kind": "venv", "path": "/venv", "name": "venv"},
    "packages": [
        {"name": "numpy", "version": "1.26.4", "location": "/venv"},
        {"name": "scikit_learn", "version": "1.4.0", "location": "/venv"},
        {
            "name": "tools",
            "version": "0.1",
            "editable": "/src/tools",
            "git": {"commit": "a" * 40, "remote": None, "dirty": [], "subdirectory": ""},
        },
    ],
    "broken-packages": [],
    "platform": {
        "system": "Linux",
        "release": "6.1",
        "machine": "x86_64",
        "libc": "glibc 2.36",
        "distribution": "Debian",
        "hostname": "one",
        "boot-time": "2024",
        "timezone": "UTC",
    },
    "cpu": {
        "model": "Xeon",
        "physical-cores": 8,
        "logical-cores": 16,
        "affinity-cores": 16,
        "quota-cores": None,
        "available-cores": 16,
        "frequency-max-mhz": 3000,
        "features": ["avx2", "fma"],
        "load-average": [1, 1, 1],
    },
    "memory": {"total": 1, "available": 1, "limit": None},
    "disk": {},
    "gpus": [
        {
            "index": 0,
            "name": "A100",
            "uuid": "GPU-1",
            "memory-total": 40,
            "driver-version": "535",
            "compute-capability": "8.0",
        }
    ],
    "gpus-source": "nvml",
    "driver-version": "535",
    "cuda-driver-version": "12.2",
    "cuda-visible-devices": None,
    "torch-cuda-version": "12.1",
    "scheduler": None,
    "container": None,
    "variables": {"PATH": "/bin", "OMP_NUM_THREADS": "4", "PYTHONHASHSEED": "0"},
}


def changed(**parts: Any) -> dict[str, Any]:
    """The environment with parts of it changed; keys of a part with "_" for "-"."""
    environment = copy.deepcopy(ENVIRONMENT)
    for name, value in parts.items():
        key = name.replace("_", "-")
        if isinstance(value, dict) and isinstance(environment[key], dict):
            environment[key].update(value)
        else:
            environment[key] = value
    return environment


def drift_to(**parts: Any) -> list[Drift]:
    return find_drift(ENVIRONMENT, changed(**parts))


def packages(**versions: str) -> list[dict[str, Any]]:
    return [{"name": name, "version": version} for name, version in versions.items()]


def test_the_same_surroundings_have_not_drifted():
    assert find_drift(ENVIRONMENT, copy.deepcopy(ENVIRONMENT)) == []
    assert unknown_parts(ENVIRONMENT, ENVIRONMENT) == []


def test_what_passes_with_the_moment_is_no_drift():
    moment = {
        "collected_at": "2025-01-01T00:00:00+00:00",
        "cpu": {"load-average": [9, 9, 9], "frequency-max-mhz": 1},
        "memory": {"available": 5},
        "platform": {"boot-time": "2025", "hostname": "two"},
    }
    assert drift_to(**moment) == []


@pytest.mark.parametrize(
    ("parts", "drift"),
    [
        ({"python": {"version": "3.12.1"}}, Drift("python", "python.version", "3.11.7", "3.12.1")),
        (
            {"python": {"version": "3.11.9"}},
            Drift("python", "python.version", "3.11.7", "3.11.9", matters=False),
        ),
        ({"cpu": {"model": "EPYC"}}, Drift("cpu", "cpu.model", "Xeon", "EPYC")),
        (
            {"cpu": {"features": ["avx2", "avx512f", "fma"]}},
            Drift("cpu", "cpu.features", None, "avx512f"),
        ),
        ({"cpu": {"features": ["fma"]}}, Drift("cpu", "cpu.features", "avx2", None)),
        ({"cpu": {"quota-cores": 2.0}}, Drift("cpu", "cpu.quota-cores", None, 2.0)),
        ({"driver_version": "550"}, Drift("driver", "driver-version", "535", "550")),
        ({"torch_cuda_version": None}, Drift("driver", "torch-cuda-version", "12.1", None)),
        (
            {"platform": {"libc": "musl 1.2"}},
            Drift("platform", "platform.libc", "glibc 2.36", "musl 1.2"),
        ),
        (
            {"platform": {"release": "6.2"}},
            Drift("platform", "platform.release", "6.1", "6.2", matters=False),
        ),
        (
            {"container": {"kind": "docker", "image": None, "hints": ["/.dockerenv"]}},
            Drift("platform", "container.kind", None, "docker", matters=False),
        ),
        (
            {"variables": {"OMP_NUM_THREADS": "8"}},
            Drift("variables", "OMP_NUM_THREADS", "4", "8"),
        ),
        (
            {"variables": {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}},
            Drift("variables", "CUBLAS_WORKSPACE_CONFIG", None, ":4096:8"),
        ),
        (
            {"variables": {"LD_PRELOAD": "/lib/fast.so"}},
            Drift("variables", "LD_PRELOAD", None, "/lib/fast.so", matters=False),
        ),
    ],
)  # fmt: skip
def test_each_kind_of_drift_is_named_with_both_sides(parts, drift):
    assert drift_to(**parts) == [drift]


def test_another_card_is_drift_and_another_of_the_same_make_is_none():
    card = ENVIRONMENT["gpus"][0]
    assert drift_to(gpus=[{**card, "uuid": "GPU-2"}]) == []
    assert drift_to(gpus=[{**card, "name": "H100"}]) == [
        Drift("gpu", "gpus.0.name", "A100", "H100")
    ]
    assert {drift.kind for drift in drift_to(gpus=[])} == {"gpu"}


def test_places_on_the_machine_are_no_drift():
    assert drift_to(variables={"PATH": "/usr/bin", "CUDA_HOME": "/opt/cuda"}) == []


def test_a_redacted_value_is_not_known_to_have_drifted():
    assert drift_to(variables={"OMP_NUM_THREADS": "<redacted>"}) == []


def test_packages_that_were_added_removed_changed_or_moved_to_another_commit():
    now = copy.deepcopy(ENVIRONMENT["packages"])
    now[0]["version"] = "2.0.0"
    now[1] = {"name": "pandas", "version": "2.2"}
    now[2]["git"]["commit"] = "b" * 40
    assert drift_to(packages=now) == [
        Drift("packages", "numpy", "1.26.4", "2.0.0"),
        Drift("packages", "pandas", None, "2.2", matters=False),
        Drift("packages", "scikit-learn", "1.4.0", None),
        Drift("packages", "tools", f"0.1 at {'a' * 10}", f"0.1 at {'b' * 10}"),
    ]


def test_how_a_name_is_spelled_does_not_matter():
    now = copy.deepcopy(ENVIRONMENT["packages"])
    now[1]["name"] = "Scikit.Learn"
    assert drift_to(packages=now) == []


def test_only_packages_that_the_program_imported_matter_where_that_is_known():
    now = changed(packages=packages(numpy="2.0", scikit_learn="1.5", numexpr="2.9", rich="13"))
    drift = find_drift(ENVIRONMENT, now, imported=["NumPy"], same=["tools"])
    assert [(found.name, found.matters) for found in drift] == [
        # Others compute with it as soon as it is there.
        ("numexpr", True),
        ("numpy", True),
        ("rich", False),
        ("scikit-learn", False),
    ]


def test_what_installs_and_what_records_changes_no_number():
    then = changed(packages=packages(pip="23", uv="0.1", meticulous_ml="1"))
    now = changed(packages=packages(pip="24", uv="0.2", meticulous_ml="2"))
    assert {drift.matters for drift in find_drift(then, now)} == {False}


@pytest.mark.parametrize("side", ["recorded", "present"])
@pytest.mark.parametrize("part", ["python", "packages", "cpu", "gpus", "platform", "variables"])
@pytest.mark.parametrize("broken", [{"error": "no answer"}, None, "nonsense", ...])
def test_what_a_side_does_not_know_is_said_to_be_unknown_and_is_no_drift(side, part, broken):
    environment = copy.deepcopy(ENVIRONMENT)
    if broken is ...:
        del environment[part]
    else:
        environment[part] = broken
    if part == "gpus" and broken is not ...:
        environment["driver-version"] = None
    pair = [environment, ENVIRONMENT] if side == "recorded" else [ENVIRONMENT, environment]
    assert find_drift(*pair) == []
    assert unknown_parts(*pair) == [f"Drift of {part} is not known: the {side} side does not tell."]


def test_without_any_record_nothing_is_said_to_be_the_same():
    assert find_drift({}, ENVIRONMENT) == []
    assert unknown_parts({}, ENVIRONMENT) == [
        "The recorded surroundings are not known, so whether they drifted is not either."
    ]


def test_a_fact_that_an_older_recorder_did_not_look_at_is_no_drift():
    older = copy.deepcopy(ENVIRONMENT)
    del older["cpu"]["features"], older["torch-cuda-version"], older["memory"]
    assert find_drift(older, changed(memory={"limit": 5})) == []


def test_flags_that_make_libraries_deterministic_are_compared():
    def metadata(**flags: Any) -> dict[str, Any]:
        return {"randomness": {"determinism": flags}}

    then = metadata(torch={"deterministic": True, "tf32": False}, python="0")
    now = metadata(torch={"deterministic": False, "tf32": False}, python="0")
    assert determinism_drift(then, now) == [
        Drift("determinism", "torch.deterministic", True, False)
    ]
    assert determinism_drift(then, copy.deepcopy(then)) == []
    assert determinism_drift({}, now) == determinism_drift(then, {"randomness": None}) == []


scalars = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "a", "3.11.7"])
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "version", "error", "model", "features", "OMP_NUM_THREADS"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
environments = st.dictionaries(st.sampled_from([*ENVIRONMENT, "cpu", "packages"]), values).map(
    lambda parts: {**copy.deepcopy(ENVIRONMENT), **parts}
) | st.dictionaries(st.text(max_size=4), values)


@given(environments)
def test_nothing_drifts_from_itself(environment):
    assert find_drift(environment, copy.deepcopy(environment)) == []


@given(environments, environments)
def test_drift_is_the_same_seen_from_the_other_side(one, other):
    there, back = find_drift(one, other), find_drift(other, one)
    assert [(drift.kind, drift.name, drift.recorded, drift.present) for drift in there] == [
        (drift.kind, drift.name, drift.present, drift.recorded) for drift in back
    ]
    assert all(drift.kind in KINDS for drift in there)
    assert len({(drift.kind, drift.name) for drift in there}) == len(there)


@pytest.mark.parametrize(
    "name",
    [
        *("PYTHONHASHSEED", "OMP_NUM_THREADS", "MKL_CBWR", "OPENBLAS_CORETYPE", "TZ", "LC_ALL"),
        *("NUMEXPR_NUM_THREADS", "CUBLAS_WORKSPACE_CONFIG", "TF_DETERMINISTIC_OPS", "XLA_FLAGS"),
        *("NVIDIA_TF32_OVERRIDE",),
        *("ATEN_CPU_CAPABILITY", "GLIBC_TUNABLES", "NCCL_ALGO", "PL_GLOBAL_SEED"),
    ],
)
def test_variables_that_rule_numbers_are_restored(name):
    assert is_restored(name)
    assert restored_variables({"variables": {name: "1"}}, {}) == {name: "1"}
    assert restored_variables({"variables": {}}, {name: "1"}) == {name: None}
    assert restored_variables({"variables": {name: "1"}}, {name: "1"}) == {}


@pytest.mark.parametrize(
    "name",
    [
        *("PATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "CUDA_HOME", "PYTHONPATH", "HF_HOME", "RANK"),
        *("MASTER_ADDR", "NCCL_SOCKET_IFNAME", "TF_CONFIG", "HF_HUB_OFFLINE", "NUMBA_CACHE_DIR"),
        *("HOME", "METICULOUS_RUN", "NVIDIA_VISIBLE_DEVICES", "TORCH_HOME", "TRITON_CACHE_DIR"),
    ],
)
def test_variables_of_the_machine_and_of_the_job_are_left_alone(name):
    assert restored_variables({"variables": {name: "then"}}, {name: "now"}) == {}
    assert restored_variables({"variables": {name: "then"}}, {}) == {}
    assert restored_variables({"variables": {}}, {name: "now"}) == {}


@pytest.mark.parametrize(
    ("value", "cards", "is_given"),
    [("", 0, True), ("-1", 0, True), ("0", 0, False), ("0,1", 2, True), ("0,3", 2, False),
     ("GPU-1234", 8, False)],
)  # fmt: skip
def test_a_choice_of_cards_is_given_only_where_these_cards_can_be(value, cards, is_given):
    recorded = {"variables": {"CUDA_VISIBLE_DEVICES": value}}
    expected = {"CUDA_VISIBLE_DEVICES": value} if is_given else {}
    assert restored_variables(recorded, {}, cards) == expected


def test_a_present_choice_of_cards_is_kept_where_none_was_recorded():
    assert restored_variables({"variables": {}}, {"CUDA_VISIBLE_DEVICES": "1"}, 2) == {}


def test_a_secret_cannot_be_given_again():
    recorded = {"variables": {"OMPX": "1", "MKL_KEY": "a-<redacted>"}}
    assert restored_variables(recorded, {}) == {}


@pytest.mark.parametrize("recorded", [{}, {"variables": None}, {"variables": {"error": "no"}}])
def test_where_the_variables_are_not_known_none_is_touched(recorded):
    assert restored_variables(recorded, {"OMP_NUM_THREADS": "3"}) == {}
