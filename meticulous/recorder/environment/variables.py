"""Choose the environment variables that are recorded; all others are nobody's business."""

from __future__ import annotations

import os

SCHEDULERS = (
    ("slurm", "SLURM_JOB_ID", ("SLURM_",)),
    ("pbs", "PBS_JOBID", ("PBS_",)),
    ("lsf", "LSB_JOBID", ("LSB_",)),
    ("sge", "SGE_TASK_ID", ("SGE_", "JOB_ID", "JOB_NAME", "NSLOTS", "NHOSTS", "QUEUE")),
    ("flux", "FLUX_JOB_ID", ("FLUX_JOB_", "FLUX_TASK_")),
    ("htcondor", "_CONDOR_SLOT", ("_CONDOR_SLOT", "_CONDOR_JOB_AD", "_CONDOR_NumJobStarts")),
    ("oar", "OAR_JOB_ID", ("OAR_",)),
    ("aws-batch", "AWS_BATCH_JOB_ID", ("AWS_BATCH_",)),
    ("ray", "RAY_JOB_ID", ("RAY_JOB_ID", "RAY_ADDRESS", "RAY_NODE_")),
    ("kubernetes", "KUBERNETES_SERVICE_HOST", ("KUBERNETES_SERVICE_HOST", "JOB_COMPLETION_INDEX")),
)
"""Each scheduler: its name, the variable that gives it away, the variables worth recording."""

ENDS_WITH_ITS_JOB = ("slurm", "pbs", "lsf", "sge", "flux", "htcondor", "oar")
"""Schedulers that end whatever a job has left behind."""

CONTAINER_VARIABLES = frozenset(
    {
        "APPTAINER_CONTAINER",
        "APPTAINER_NAME",
        "SINGULARITY_CONTAINER",
        "SINGULARITY_NAME",
        "container",
    }
)
"""Variables by which container engines announce themselves."""

VARIABLES = frozenset(
    {
        "PATH",
        "LANG",
        "LANGUAGE",
        "TZ",
        "LD_LIBRARY_PATH",
        "LD_PRELOAD",
        "DYLD_LIBRARY_PATH",
        "DYLD_INSERT_LIBRARIES",
        "PYTHONHASHSEED",
        "PYTHONPATH",
        "PYTHONHOME",
        "PYTHONOPTIMIZE",
        "PYTHONDEVMODE",
        "PYTHONWARNINGS",
        "PYTHONUTF8",
        "PYTHONIOENCODING",
        "PYTHONUNBUFFERED",
        "PYTHONMALLOC",
        "PYTHONNOUSERSITE",
        "PYTHONSAFEPATH",
        "PYTHON_GIL",
        "VIRTUAL_ENV",
        "CONDA_DEFAULT_ENV",
        "CONDA_PREFIX",
        "HF_HOME",
        "HF_HUB_OFFLINE",
        "HF_DATASETS_OFFLINE",
        "TRANSFORMERS_OFFLINE",
        "KERAS_BACKEND",
        "MPLBACKEND",
        "SOURCE_DATE_EPOCH",
        # Which code the C library, BLAS and torch choose for this processor.
        "GLIBC_TUNABLES",
        "ATEN_CPU_CAPABILITY",
        # How many threads share a sum.
        "GOTO_NUM_THREADS",
        "RAYON_NUM_THREADS",
        "POLARS_MAX_THREADS",
        "JULIA_NUM_THREADS",
        "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
        "TOKENIZERS_PARALLELISM",
        "PYTHON_CPU_COUNT",
        # The seeds of Lightning's processes.
        "PL_GLOBAL_SEED",
        "PL_SEED_WORKERS",
        "FLAGS_cudnn_deterministic",
        "FLAGS_cudnn_exhaustive_search",
        "ZE_AFFINITY_MASK",
        "ONEAPI_DEVICE_SELECTOR",
        "GPU_DEVICE_ORDINAL",
        "WORLD_SIZE",
        "RANK",
        "LOCAL_RANK",
        "LOCAL_WORLD_SIZE",
        "GROUP_RANK",
        "NODE_RANK",
        "MASTER_ADDR",
        "MASTER_PORT",
    }
)
"""Variables that change numbers or which software is found, by name."""

VARIABLE_PREFIXES = (
    *("LC_", "OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "BLIS_", "VECLIB_", "NUMEXPR_"),
    *("NUMBA_", "NPY_", "MALLOC_", "CUDA_", "CUBLAS_", "CUDNN_", "NVIDIA_", "NCCL_", "GLOO_"),
    *("DNNL_", "ONEDNN_", "TBB_", "MIOPEN_", "OPENCV_FOR_"),
    *("HIP_", "ROCR_", "HSA_", "XLA_", "JAX_", "TORCH_", "PYTORCH_", "TRITON_"),
    # Not all of TF_: Terraform takes its variables, many of them secret, from TF_VAR_.
    *("TF_CONFIG", "TF_CPP_", "TF_CUBLAS_", "TF_CUDNN_", "TF_DETERMINISTIC_", "TF_ENABLE_"),
    *("TF_DISABLE_", "TF_FORCE_", "TF_GPU_", "TF_NUM_", "TF_USE_", "TF_XLA_"),
    *("OMPI_COMM_WORLD_", "OMPI_MCA_", "PMI_"),
)
"""The same, by how the name begins."""

_CREDENTIALS = frozenset({"SLURM_JWT"})


def chosen_variables() -> dict[str, str]:
    """Return the variables of this process that say something about its surroundings."""
    names = VARIABLES | CONTAINER_VARIABLES
    prefixes: tuple[str, ...] = VARIABLE_PREFIXES
    for _, mark, own in SCHEDULERS:
        if mark in os.environ:
            names |= {mark}
            prefixes += own
    return {
        name: value
        for name, value in os.environ.items()
        if (name in names or name.startswith(prefixes)) and name not in _CREDENTIALS
    }
