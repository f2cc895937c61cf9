"""Time loops of opens: `opens.py ANSWER ONCE MANY [recorded]`, and the end of the recording."""

import json
import os
import sys
import time

answer, once, many = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
experiment = None
if "recorded" in sys.argv[4:]:
    from meticulous import Experiment

    experiment = Experiment({})
folder = answer + ".files"
os.makedirs(folder, exist_ok=True)
names = [f"{folder}/{number}" for number in range(many)]
for name in names:
    if not os.path.exists(name):
        os.close(os.open(name, os.O_CREAT))


def timed(paths):
    """Return the seconds it takes to open and close each of the files."""
    started = time.perf_counter()
    for path in paths:
        open(path, "rb").close()
    return time.perf_counter() - started


took = {"one": timed([names[0]] * once), "distinct": timed(names), "again": timed(names)}
started = time.perf_counter()
if experiment is not None:
    experiment.finish()
    with open(experiment.directory / "files.json") as file:
        took["listed"] = len(json.load(file)["inputs"])
took["end"] = time.perf_counter() - started
with open(answer, "w") as file:
    json.dump(took, file)
