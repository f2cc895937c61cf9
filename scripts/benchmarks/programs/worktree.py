"""Time worktrees of HEAD, by git and by us in turns: `worktree.py REPOSITORY ANSWER ROUNDS`."""

import json
import shutil
import subprocess
import sys
import time

from meticulous.git.checkout import check_out
from meticulous.git.source import find_source

repository, answer, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])


def git(*words):
    """Run git in the repository and return what it printed."""
    command = ["git", "-C", repository, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


commit = git("rev-parse", "HEAD")
place = f"{answer}.tree"
took = {"git": [], "ours": []}
for _ in range(rounds):
    started = time.perf_counter()
    git("worktree", "add", "--quiet", "--detach", place, commit)
    took["git"].append(time.perf_counter() - started)
    git("worktree", "remove", "--force", place)
    started = time.perf_counter()
    check_out(place, commit, find_source(repository))
    took["ours"].append(time.perf_counter() - started)
    shutil.rmtree(place)
with open(answer, "w") as file:
    json.dump(took, file)
