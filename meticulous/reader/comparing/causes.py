"""Rank what differs between two experiments by how likely it explains a different result."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from meticulous.reader.comparing.commands import said_by_args
from meticulous.reader.comparing.comparison import RESULTS, Comparison
from meticulous.reader.comparing.differences import CHANGED, Difference
from meticulous.reader.comparing.imports import Reached
from meticulous.reader.table.flattening import MISSING
from meticulous.reader.table.sameness import is_same

CODE, ARGS, INPUTS, PACKAGES, SEEDS, HARDWARE, REST = range(7)
"""The ranks, the likeliest explanation first."""

RESULTS_SAME = "The results that were recorded are the same."
"""The remark of an explanation that has nothing to explain."""

LIKELY = REST
"""Ranks below this one are likely explanations; the others are only possible."""

_COSMETIC = re.compile(
    r"(.*[._-])?(out|output|outputs|log|logs|logging|verbose|verbosity|quiet|debug|name|title"
    r"|save|plot|progress|print|port|tag|tags|description|comment)([._-].*)?",
    re.IGNORECASE,
)
"""Arguments that seldom change a result, by their names."""

_SEEDS = re.compile(r"seed|variables\.PYTHONHASHSEED")

_HARDWARE = (
    *("gpus", "cpu.", "driver-version", "cuda-", "torch-cuda-version", "platform.machine"),
    *("platform.libc", "python.version", "python.implementation", "python.flags", "memory.limit"),
    *("variables.OMP_", "variables.GOMP_", "variables.KMP_", "variables.MKL_", "variables.NPY_"),
    *("variables.OPENBLAS_", "variables.BLIS_", "variables.VECLIB_", "variables.NUMEXPR_"),
    *("variables.NUMBA_", "variables.CUDA_", "variables.CUBLAS_", "variables.CUDNN_"),
    *("variables.NVIDIA_", "variables.NCCL_", "variables.GLOO_", "variables.HIP_"),
    *("variables.XLA_", "variables.JAX_", "variables.TORCH_", "variables.PYTORCH_"),
    *("variables.TRITON_", "variables.TF_", "variables.KERAS_", "variables.WORLD_SIZE"),
    *("variables.RANK", "variables.LOCAL_RANK", "variables.PYTHONOPTIMIZE"),
    *("variables.DNNL_", "variables.ONEDNN_", "variables.TBB_", "variables.MIOPEN_"),
    *("variables.OPENCV_FOR_", "variables.ROCR_", "variables.HSA_", "variables.GLIBC_TUNABLES"),
    *("variables.ATEN_CPU_", "variables.GOTO_", "variables.RAYON_", "variables.POLARS_"),
    *("variables.JULIA_NUM_", "variables.ITK_", "variables.PL_", "variables.FLAGS_cudnn_"),
    *("variables.ZE_", "variables.ONEAPI_", "variables.GPU_DEVICE_", "variables.PYTHON_CPU_COUNT"),
)
"""How the names of facts begin that change numbers: processors, their libraries, threads."""

_IDENTITY = re.compile(r"gpus\.\d+\.(uuid|pci-bus-id)")
"""Facts that tell one card from another of the same make."""

_DISTRIBUTIONS = {
    "attr": ("attrs",),
    "bs4": ("beautifulsoup4",),
    "cv2": ("opencv-python", "opencv-python-headless", "opencv-contrib-python"),
    "dateutil": ("python-dateutil",),
    "git": ("gitpython",),
    "igraph": ("python-igraph", "igraph"),
    "pil": ("pillow",),
    "skimage": ("scikit-image",),
    "sklearn": ("scikit-learn",),
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-gpu"),
    "umap": ("umap-learn",),
    "yaml": ("pyyaml",),
    "meticulous": ("meticulous-ml",),
}
"""The packages that bring a module, where their names differ."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A difference that may explain a different result.

    Attributes:
        rank: One of `CODE`, `ARGS`, ... `REST`.
        section: The section of the comparison it is from.
        difference: The difference.
        reason: Why it ranks there, in a few words.
    """

    rank: int
    section: str
    difference: Difference
    reason: str

    @property
    def is_likely(self) -> bool:
        """Whether this alone would commonly change a result."""
        return self.rank < LIKELY


@dataclass(frozen=True, slots=True)
class Explanation:
    """What may have made two results differ.

    Attributes:
        results: What came out differently, each with the name of its section.
        causes: What went in differently, the likeliest explanation first.
        remarks: What else could be the reason, and what is not known.
    """

    results: list[tuple[str, Difference]]
    causes: list[Cause]
    remarks: list[str]


def changes_numbers(name: str) -> bool:
    """Say whether a fact of the surroundings is known to change numbers.

    Args:
        name: Its flat name, as in `lasting_facts`: "cpu.model", "variables.OMP_NUM_THREADS".
    """
    return bool(_SEEDS.search(name)) or (
        name.startswith(_HARDWARE) and not _IDENTITY.fullmatch(name)
    )


def explain(comparison: Comparison, reached: Reached | None = None) -> Explanation:
    """Rank the differences of a comparison.

    Code that the program imports comes first, then arguments, inputs, packages that the program
    imports, seeds, processors and the variables that rule threads, and the rest.

    Args:
        comparison: The comparison, of all sections.
        reached: What the program imports; None where that could not be found out.
    """
    results = [found for found in comparison.differences if found[0] in RESULTS]
    ranked = sorted(_causes(comparison, reached), key=lambda pair: pair[0])
    causes = [cause for _, cause in ranked]
    return Explanation(results, causes, list(_remarks(comparison, results, causes)))


def _causes(
    comparison: Comparison, reached: Reached | None
) -> Iterator[tuple[tuple[int, int], Cause]]:
    for section, difference in comparison.differences:
        if section == "code":
            rank, within, reason = _rank_code(comparison, difference, reached)
        elif section == "args":
            rank, within, reason = _rank_argument(comparison, difference)
        elif section == "inputs":
            rank, within, reason = INPUTS, 0, "an input"
        elif section == "packages":
            rank, within, reason = _rank_package(difference, reached)
        elif section == "command":
            rank, within, reason = _rank_command(comparison, difference)
        elif section == "environment":
            rank, within, reason = _rank_surroundings(difference)
        else:
            continue
        yield (rank, within), Cause(rank, section, difference, reason)


def _rank_code(
    comparison: Comparison, difference: Difference, reached: Reached | None
) -> tuple[int, int, str]:
    if isinstance(difference.a, list):
        return CODE, 1, "loaded, and not held by the commit: what it was is not known"
    is_file = difference.a is MISSING and difference.b is MISSING
    if not is_file:
        named = any(d.a is MISSING and d.b is MISSING for d in comparison["code"].differences)
        if named:
            return REST, 9, "holds the code above"
        return CODE, 2, "the code differs; in which files is not known"
    if reached is None:
        return CODE, 3, "changed code; whether the program uses it is not known"
    if difference.name in reached.files:
        return CODE, 0, "used by the program"
    return REST, 2, "not used by the program, as far as its source tells"


def _rank_argument(comparison: Comparison, difference: Difference) -> tuple[int, int, str]:
    if _COSMETIC.fullmatch(difference.name):
        return ARGS, 3, "an argument, by its name of little effect"
    if difference.kind != CHANGED:
        record = comparison.b if difference.a is MISSING else comparison.a
        value = difference.b if difference.a is MISSING else difference.a
        if is_same(record.default_args.get(difference.name, MISSING), value):
            return ARGS, 2, "an argument that only one of the programs has, at its default"
        return ARGS, 1, "an argument that only one of the programs has"
    return ARGS, 0, "an argument"


def _rank_package(difference: Difference, reached: Reached | None) -> tuple[int, int, str]:
    is_changed = difference.kind == CHANGED
    if reached is None:
        return PACKAGES if is_changed else REST, 1, "whether the program imports it is not known"
    if difference.name in _packages_of(reached):
        return PACKAGES, 0, "imported by the program"
    return REST, 3 if is_changed else 4, "not imported by the program itself"


def _packages_of(reached: Reached) -> set[str]:
    names = set()
    for module in reached.modules:
        name = module.lower().replace("_", "-")
        names |= {name, *_DISTRIBUTIONS.get(module.lower(), ())}
    return names


def _rank_command(comparison: Comparison, difference: Difference) -> tuple[int, int, str]:
    if _SEEDS.search(difference.name):
        return SEEDS, 0, "the seed"
    if difference.name == "command":
        if said_by_args(comparison):
            return REST, 8, "gives the arguments above"
        return ARGS, 1, "the command"
    return REST, 0, "where it ran"


def _rank_surroundings(difference: Difference) -> tuple[int, int, str]:
    name = difference.name
    if _SEEDS.search(name):
        return SEEDS, 1, "orders sets and hashes"
    if changes_numbers(name):
        is_variable = name.startswith("variables.")
        return HARDWARE, 0, "changes how is computed" if is_variable else "computes differently"
    return REST, 5 if name.startswith("variables.") else 6, "the surroundings"


def _remarks(
    comparison: Comparison, results: list[tuple[str, Difference]], causes: list[Cause]
) -> Iterator[str]:
    for section in comparison.sections.values():
        if section.unknown:
            yield f"{section.name}: {section.unknown}"
    if not results:
        yield RESULTS_SAME
    elif not any(cause.is_likely for cause in causes):
        yield (
            "Nothing likely that was recorded differs. What remains: chance (a seed that is not "
            "set, threads, GPU kernels), the time, and inputs that the record does not know."
        )
    yield from comparison["code"].remarks if "code" in comparison.sections else ()
