"""Describe the graphics cards of the machine, by the driver's library or its command line tool."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from typing import Any

from meticulous.recorder.environment.hardware import output_of, text_of

NVIDIA_SMI_SECONDS = 5.0
"""After this long nvidia-smi counts as hung (it does, with a broken driver)."""

_MEBIBYTE = 1 << 20


def gpus(path: Iterable[str], variables: Mapping[str, str]) -> dict[str, Any]:
    """Return the graphics cards of the machine, visible to CUDA or not.

    Keys: `gpus` (a list, see `_by_nvml`), `gpus-source` ("nvml", "nvidia-smi" or None),
    `driver-version`, `cuda-driver-version` (the newest CUDA that the driver serves),
    `cuda-visible-devices` (as set for the process), `torch-cuda-version` (the CUDA that the
    installed torch was built for).

    Args:
        path: Where the process looks for modules.
        variables: The environment variables of the process.
    """
    return {
        **(_by_nvml() or _by_nvidia_smi() or _NO_GPUS),
        "cuda-visible-devices": variables.get("CUDA_VISIBLE_DEVICES"),
        "torch-cuda-version": torch_cuda_version(path),
    }


_NO_GPUS: dict[str, Any] = {
    "gpus": [],
    "gpus-source": None,
    "driver-version": None,
    "cuda-driver-version": None,
}


def _by_nvml() -> dict[str, Any] | None:
    """Ask the driver's management library; None where it, or its binding, is missing.

    Each card has `index`, `name`, `uuid`, `memory-total` (bytes), `driver-version`,
    `compute-capability`, `pci-bus-id`, `mig` (whether it is partitioned; None where it cannot be)
    and, when partitioned, `mig-devices` with `name`, `uuid`, `memory-total`.
    """
    try:
        import pynvml
    except ImportError:
        return None

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        nvml = _Nvml(pynvml)
        return {
            "gpus": nvml.cards(),
            "gpus-source": "nvml",
            "driver-version": nvml.driver,
            "cuda-driver-version": _cuda(nvml.ask("nvmlSystemGetCudaDriverVersion")),
        }
    finally:
        pynvml.nvmlShutdown()


class _Nvml:
    """The driver's management library, which has been initialised.

    Args:
        binding: The module `pynvml`.
    """

    def __init__(self, binding: Any) -> None:
        self._binding = binding
        self.driver = self.ask("nvmlSystemGetDriverVersion")

    def ask(self, question: str, *words: Any) -> Any:
        """Return the answer to a question; None where this driver or card has none."""
        try:
            answer = getattr(self._binding, question)(*words)
        except (self._binding.NVMLError, AttributeError):
            return None
        return answer.decode(errors="replace") if isinstance(answer, bytes) else answer

    def cards(self) -> list[dict[str, Any]]:
        """Return what is known of each card."""
        return [self._card(index) for index in range(self.ask("nvmlDeviceGetCount") or 0)]

    def _card(self, index: int) -> dict[str, Any]:
        card = self.ask("nvmlDeviceGetHandleByIndex", index)
        if card is None:
            return {"index": index, "error": "NVML cannot open this card"}
        capability = self.ask("nvmlDeviceGetCudaComputeCapability", card)
        mode = self.ask("nvmlDeviceGetMigMode", card)
        bus = getattr(self.ask("nvmlDeviceGetPciInfo", card), "busId", None)
        facts: dict[str, Any] = {
            "index": index,
            **self._identity(card),
            "driver-version": self.driver,
            "compute-capability": "{}.{}".format(*capability) if capability else None,
            "pci-bus-id": bus.decode() if isinstance(bus, bytes) else bus,
            "mig": bool(mode[0]) if mode else None,
        }
        if facts["mig"]:
            slots = range(self.ask("nvmlDeviceGetMaxMigDeviceCount", card) or 0)
            parts = (self.ask("nvmlDeviceGetMigDeviceHandleByIndex", card, slot) for slot in slots)
            facts["mig-devices"] = [self._identity(part) for part in parts if part is not None]
        return facts

    def _identity(self, card: Any) -> dict[str, Any]:
        return {
            "name": self.ask("nvmlDeviceGetName", card),
            "uuid": self.ask("nvmlDeviceGetUUID", card),
            "memory-total": getattr(self.ask("nvmlDeviceGetMemoryInfo", card), "total", None),
        }


_QUESTIONS = (
    ("index", "name", "uuid", "memory.total", "driver_version"),
    ("compute_cap", "pci.bus_id", "mig.mode.current"),
)


# No card, no driver, no library of the driver: the tool is there, for example on a login node.
_NO_CARDS_CODES = (6, 9, 12)


def _by_nvidia_smi() -> dict[str, Any] | None:
    """Ask the command line tool; None where there is none.

    Raises:
        RuntimeError: It is there and fails, for example because driver and library do not match.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    # Older versions refuse a question they do not know, and with it all others.
    for questions in (_QUESTIONS[0] + _QUESTIONS[1], _QUESTIONS[0]):
        output = output_of(
            [program, f"--query-gpu={','.join(questions)}", "--format=csv,noheader,nounits"],
            NVIDIA_SMI_SECONDS,
            empty=_NO_CARDS_CODES,
        )
        if output is not None:
            break
    else:
        raise RuntimeError("nvidia-smi fails; run it by hand to see why")
    cards = []
    for line in output.splitlines():
        # What is not known is put as "[N/A]", "[Not Supported]", "[Insufficient Permissions]".
        words = (word.strip() for word in line.split(","))
        answers = [None if word.startswith("[") else word or None for word in words]
        facts = dict(zip(questions, answers, strict=False))
        if facts.get("uuid") is None:
            continue
        size = facts.get("memory.total")
        mode = facts.get("mig.mode.current")
        cards.append(
            {
                "index": int(facts["index"]) if facts["index"] else None,
                "name": facts["name"],
                "uuid": facts["uuid"],
                "memory-total": int(size) * _MEBIBYTE if size else None,
                "driver-version": facts.get("driver_version"),
                "compute-capability": facts.get("compute_cap"),
                "pci-bus-id": facts.get("pci.bus_id"),
                "mig": mode == "Enabled" if mode else None,
            }
        )
    return {
        "gpus": cards,
        "gpus-source": "nvidia-smi",
        "driver-version": cards[0]["driver-version"] if cards else None,
        "cuda-driver-version": _cuda_by_driver(),
    }


def _cuda_by_driver() -> str | None:
    import ctypes

    try:
        version = ctypes.c_int()
        status = ctypes.CDLL("libcuda.so.1").cuDriverGetVersion(ctypes.byref(version))
    except (OSError, AttributeError):
        return None
    return _cuda(version.value) if status == 0 else None


def _cuda(number: int | None) -> str | None:
    # 12020 means 12.2
    return f"{number // 1000}.{number % 1000 // 10}" if number else None


def torch_cuda_version(path: Iterable[str]) -> str | None:
    """Return the CUDA version that the torch on an import path was built for, without importing it.

    Args:
        path: Where the process looks for modules.
    """
    for entry in path:
        text = text_of(os.path.join(entry, "torch", "version.py"))
        if text is not None:
            found = re.search(r"""^cuda\b[^=\n]*=\s*['"]([^'"\n]+)['"]""", text, re.MULTILINE)
            return found[1] if found else None
    return None
