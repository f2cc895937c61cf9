"""Words the refusal to record a run whose code is not what the commit holds."""

from __future__ import annotations

import shlex

from meticulous.git.status import readable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from meticulous.git.state import CodeState

LISTED = 20
"""How many changed files a refusal names before it only counts them."""

_FINISH = {
    "am": "finish it with git am --continue, or give it up with --abort",
    "bisect": "git bisect reset ends it",
    "cherry-pick": "finish it with git cherry-pick --continue, or give it up with --abort",
    "merge": "finish it with git merge --continue, or give it up with --abort",
    "rebase": "finish it with git rebase --continue, or give it up with --abort",
    "revert": "finish it with git revert --continue, or give it up with --abort",
}


def explain(state: CodeState, keep_snapshot: str, without_record: str) -> str:
    """Return the message of `DirtyRepoException` for a state that is not clean.

    Args:
        state: What git said.
        keep_snapshot: What the user is to write to have a snapshot kept instead.
        without_record: What he is to write to run without a record; "" where that is no way.
    """
    script_missing = not state.script_tracked and state.script is not None
    facts = list(state.dirty[:LISTED])
    if len(state.dirty) > LISTED:
        facts.append(f"... and {len(state.dirty) - LISTED} more")
    if script_missing and state.script is not None:
        facts.append(f"{readable(state.script)} is not tracked by git")
    lines = [
        f"The code in {state.directory} is not what commit {state.commit[:10]} holds, "
        "so this experiment could not be tied to it:",
        *(f"    {fact}" for fact in facts),
    ]
    if state.operation is not None:
        lines.append(f"A git {state.operation} is in progress; {_FINISH[state.operation]}.")
    ways = _ways_out(state, keep_snapshot, without_record)
    return "\n".join([*lines, "Ways out:", *(f"    {way}" for way in ways)])


def _ways_out(state: CodeState, keep_snapshot: str, without_record: str) -> list[str]:
    conflict = any(line.startswith("conflict: ") for line in state.dirty)
    inside_submodule = any(
        line.startswith("submodule: ") and "modified content" in line.rpartition(" (")[2]
        for line in state.dirty
    )
    git = f"git -C {shlex.quote(state.directory)}"
    commit = f"{git} commit -a"
    if state.script is not None and not state.script_tracked:
        commit = f"{git} add {shlex.quote(state.script)} && {commit}"
    ways = []
    if conflict:
        ways.append(f"resolve the conflicts:  {git} status")
    if inside_submodule:
        ways.append("commit inside the submodule first, then here")
    ways.append(f"commit:                 {commit}")
    if not conflict and not inside_submodule:
        ways.append(f"keep a snapshot:        {keep_snapshot}")
    if without_record:
        ways.append(f"run without a record:   {without_record}")
    return ways
