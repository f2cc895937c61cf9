"""Begin to record a run of this process: as part of a recording above it, or in its own folder."""

from __future__ import annotations

from meticulous.recorder.program.attached import attach
from meticulous.recorder.reproduction import next_ordinal
from meticulous.recorder.started import start_here

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from meticulous.recorder.opening import OpenRecord, Plan
    from meticulous.recorder.program.attached import AttachedRecording
    from meticulous.recorder.recording import Recording


def begin(
    args: Any,
    default_args: Any,
    *,
    project_directory: str,
    capture: str | None,
    target: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Recording | AttachedRecording:
    """Begin to record this process.

    Args:
        args: The arguments of the program.
        default_args: What they would have been by default.
        project_directory: A folder in the repository of the code, an absolute path.
        capture: How the output is captured.
        target: Where the declared experiment is found again; None for any other.
        **settings: The other parameters of `Plan`.

    Raises:
        MeticulousError: Any error of `open_record`.
    """
    ordinal = next_ordinal()
    attached = attach(args, default_args, project_directory, settings)
    if attached is not None:
        return attached
    from meticulous.recorder.opening import open_record

    plan = plan_here(
        args,
        default_args,
        project_directory=project_directory,
        ordinal=ordinal,
        target=target,
        **settings,
    )
    return begin_in(plan, capture, open_record)


def plan_here(args: Any, default_args: Any, **settings: Any) -> Plan:
    """Return the plan to record this process, with its command line and main script."""
    from meticulous.recorder.opening import Plan

    start = start_here()
    return Plan(
        args,
        default_args,
        command=start.command,
        original_command=start.original_command,
        main_script=start.main_script,
        **settings,
    )


def begin_in(
    plan: Plan, capture: str | None, open_folder: Callable[[Plan], OpenRecord]
) -> Recording:
    """Begin to record this process in the folder that `open_folder` opens.

    Raises:
        MeticulousError: Any error of `open_folder`.
    """
    from meticulous.recorder.ending.signals import held
    from meticulous.recorder.output.capture import check_capture
    from meticulous.recorder.recording import Recording
    from meticulous.recorder.writer import say

    check_capture(capture)
    with held():
        record = open_folder(plan)
        recording = Recording(record, capture)
        recording.start()
    if plan.experiments_directory is None and record.place.remark:
        say(record.place.remark)
    return recording
