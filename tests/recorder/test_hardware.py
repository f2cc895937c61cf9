"""What is told of processors, memory, disks and graphics cards, here and on other machines."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from meticulous.recorder.environment import gpus, hardware

NO_GPUS = {
    "gpus": [],
    "gpus-source": None,
    "driver-version": None,
    "cuda-driver-version": None,
    "cuda-visible-devices": None,
    "torch-cuda-version": None,
}

without_nvml = pytest.mark.skipif(
    importlib.util.find_spec("pynvml") is not None, reason="the real cards would be found"
)


def program(path: Path, text: str) -> None:
    """Make an executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch) -> Path:
    """The only nvidia-smi on PATH; the tests write it."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return tmp_path / "bin" / "nvidia-smi"


def test_the_processors_are_counted_as_the_process_may_use_them():
    cpu = hardware.cpu()
    assert cpu["logical-cores"] == os.cpu_count()
    assert 0 < cpu["available-cores"] <= cpu["logical-cores"]
    assert cpu["model"]
    assert len(cpu["load-average"]) == 3


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")
def test_a_process_bound_to_one_core_has_one_core(repository):
    done = repository.python(
        "-c",
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]);"
        "from meticulous.recorder.environment.hardware import cpu; found = cpu();"
        "print(found['affinity-cores'], found['available-cores'] <= 1)",
        check=True,
    )
    assert done.stdout.split() == ["1", "True"]


def test_memory_and_disk_are_given_in_bytes(tmp_path):
    memory = hardware.memory()
    assert 1 << 20 < memory["available"] <= memory["total"]
    disk = hardware.disk(str(tmp_path))
    usage = shutil.disk_usage(tmp_path)
    assert disk["total"] == usage.total
    assert 0 < disk["free"] <= disk["total"]
    assert os.path.ismount(disk["mount-point"])
    assert os.stat(disk["mount-point"]).st_dev == os.stat(tmp_path).st_dev
    assert disk["type"]


def test_the_deepest_mount_point_is_the_one_that_holds_a_path():
    assert hardware.disk("/dev/null")["mount-point"].startswith("/dev")


def test_a_path_that_is_gone_has_no_disk(tmp_path):
    with pytest.raises(FileNotFoundError):
        hardware.disk(str(tmp_path / "gone"))


def tree(directory: Path, files: dict[str, str]) -> str:
    """Write files below a directory."""
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(f"{text}\n")
    return str(directory)


def test_limits_of_cgroup_version_2_are_the_tightest_on_the_way_up(tmp_path):
    cgroups = tree(tmp_path, {"self": "0::/job/step"}) + "/self"
    mounted = tree(
        tmp_path / "mounted",
        {
            "job/step/cpu.max": "max 100000",
            "job/step/memory.max": "4000000",
            "job/cpu.max": "150000 100000",
            "job/memory.max": "3000000",
            "cpu.max": "400000 100000",
            "memory.max": "max",
        },
    )
    assert hardware.cpu_quota(cgroups, mounted) == 1.5
    assert hardware.memory_limit(cgroups, mounted) == 3000000


def test_limits_of_cgroup_version_1_are_found_below_the_path_of_the_host(tmp_path):
    # Inside a container the listed path is the host's, and only its end is mounted.
    cgroups = tree(tmp_path, {"self": "5:cpu,cpuacct:/docker/c0ffee\n4:memory:/docker/c0ffee"})
    mounted = tree(
        tmp_path / "mounted",
        {
            "cpu,cpuacct/cpu.cfs_quota_us": "50000",
            "cpu,cpuacct/cpu.cfs_period_us": "100000",
            "memory/memory.limit_in_bytes": "1000000",
        },
    )
    assert hardware.cpu_quota(f"{cgroups}/self", mounted) == 0.5
    assert hardware.memory_limit(f"{cgroups}/self", mounted) == 1000000


def test_without_limits_there_are_none(tmp_path):
    cgroups = tree(tmp_path, {"self": "5:cpu:/\n4:memory:/\n0::/"}) + "/self"
    mounted = tree(
        tmp_path / "mounted",
        {
            "cpu/cpu.cfs_quota_us": "-1",
            "cpu/cpu.cfs_period_us": "100000",
            "memory/memory.limit_in_bytes": "9223372036854771712",
        },
    )
    assert hardware.cpu_quota(cgroups, mounted) is None
    assert hardware.memory_limit(cgroups, mounted) is None
    assert hardware.cpu_quota(str(tmp_path / "gone"), mounted) is None


@without_nvml
def test_a_machine_without_nvidia_software_has_no_cards(nvidia_smi):
    assert gpus.gpus([], {}) == NO_GPUS


@without_nvml
def test_cards_are_found_by_the_command_line_tool(nvidia_smi):
    program(
        nvidia_smi,
        'echo "0, NVIDIA H100, GPU-1, 81559, 550.54.15, 9.0, 00000000:04:00.0, Disabled"\n'
        'echo "1, Tesla T4, GPU-2, 15360, 550.54.15, 7.5, 00000000:05:00.0, [N/A]"\n',
    )
    found = gpus.gpus([], {"CUDA_VISIBLE_DEVICES": "1"})
    assert found["gpus-source"] == "nvidia-smi"
    assert found["driver-version"] == "550.54.15"
    assert found["cuda-visible-devices"] == "1"
    assert found["gpus"] == [
        {
            "index": 0,
            "name": "NVIDIA H100",
            "uuid": "GPU-1",
            "memory-total": 81559 * 1024**2,
            "driver-version": "550.54.15",
            "compute-capability": "9.0",
            "pci-bus-id": "00000000:04:00.0",
            "mig": False,
        },
        {
            "index": 1,
            "name": "Tesla T4",
            "uuid": "GPU-2",
            "memory-total": 15360 * 1024**2,
            "driver-version": "550.54.15",
            "compute-capability": "7.5",
            "pci-bus-id": "00000000:05:00.0",
            "mig": None,
        },
    ]


@without_nvml
def test_an_old_tool_that_refuses_newer_questions_still_names_the_cards(nvidia_smi):
    program(
        nvidia_smi,
        'case "$1" in *compute_cap*) exit 2;; esac\necho "0, Tesla K80, GPU-1, 11441, 390.1"\n',
    )
    (card,) = gpus.gpus([], {})["gpus"]
    assert (card["name"], card["driver-version"]) == ("Tesla K80", "390.1")
    assert card["compute-capability"] is None


@without_nvml
@pytest.mark.parametrize("code", [6, 9])
def test_a_tool_that_finds_no_card_or_driver_gives_none(nvidia_smi, code):
    program(nvidia_smi, f"echo 'No devices were found'; exit {code}\n")
    assert gpus.gpus([], {})["gpus"] == []


@without_nvml
def test_a_tool_that_fails_is_not_taken_for_a_machine_without_cards(nvidia_smi):
    program(nvidia_smi, "exit 15\n")
    with pytest.raises(RuntimeError, match="nvidia-smi"):
        gpus.gpus([], {})


@without_nvml
def test_a_tool_that_hangs_is_given_up(nvidia_smi, monkeypatch):
    monkeypatch.setattr(gpus, "NVIDIA_SMI_SECONDS", 0.05)
    program(nvidia_smi, "exec sleep 60\n")
    with pytest.raises(RuntimeError, match="nvidia-smi"):
        gpus.gpus([], {})


# The library that pynvml binds cannot be had without a card; this is its interface, with one card.
NVML = """
class NVMLError(Exception): pass
class Memory: total = 85520809984
class Part: total = 10 << 30
class Pci: busId = b"00000000:04:00.0"
def nvmlInit(): pass
def nvmlShutdown(): print("closed")
def nvmlSystemGetDriverVersion(): return b"550.54.15"
def nvmlSystemGetCudaDriverVersion(): return 12040
def nvmlDeviceGetCount(): return 2
def nvmlDeviceGetHandleByIndex(index):
    if index == 1: raise NVMLError("fell off the bus")
    return "card"
def nvmlDeviceGetName(card): return "H100" if card == "card" else "H100 MIG 1g.10gb"
def nvmlDeviceGetUUID(card): return b"GPU-1" if card == "card" else b"MIG-1"
def nvmlDeviceGetMemoryInfo(card): return Memory if card == "card" else Part
def nvmlDeviceGetCudaComputeCapability(card): return (9, 0)
def nvmlDeviceGetPciInfo(card): return Pci
def nvmlDeviceGetMigMode(card): return (1, 1)
def nvmlDeviceGetMaxMigDeviceCount(card): return 7
def nvmlDeviceGetMigDeviceHandleByIndex(card, slot):
    if slot: raise NVMLError("not found")
    return "part"
"""


@without_nvml
def test_cards_and_their_partitions_are_found_by_nvml(repository, tmp_path):
    (tmp_path / "pynvml.py").write_text(NVML)
    done = repository.python(
        "-c",
        f"import sys, json; sys.path.append({str(tmp_path)!r});"
        "from meticulous.recorder.environment.gpus import gpus;"
        "print(json.dumps(gpus([], {})))",
        check=True,
    )
    closed, text = done.stdout.splitlines()
    assert closed == "closed"
    assert json.loads(text) == {
        **NO_GPUS,
        "gpus-source": "nvml",
        "driver-version": "550.54.15",
        "cuda-driver-version": "12.4",
        "gpus": [
            {
                "index": 0,
                "name": "H100",
                "uuid": "GPU-1",
                "memory-total": 85520809984,
                "driver-version": "550.54.15",
                "compute-capability": "9.0",
                "pci-bus-id": "00000000:04:00.0",
                "mig": True,
                "mig-devices": [
                    {"name": "H100 MIG 1g.10gb", "uuid": "MIG-1", "memory-total": 10 << 30}
                ],
            },
            {"index": 1, "error": "NVML cannot open this card"},
        ],
    }


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("__version__ = '2.1.0+cu121'\ncuda: Optional[str] = '12.1'\nhip = None\n", "12.1"),
        ("cuda = '11.8'\n", "11.8"),
        ("cuda = None\n", None),
        ("", None),
    ],
)
def test_the_cuda_of_torch_is_read_without_importing_it(tmp_path, text, version):
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "version.py").write_text(text)
    assert gpus.torch_cuda_version(["/nowhere", str(tmp_path)]) == version
    assert "torch" not in sys.modules or not sys.modules["torch"].__file__.startswith(str(tmp_path))
