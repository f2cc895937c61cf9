"""Time `log()` of one scalar against `json.dumps` and a buffered write of the very same line."""

import json
import os
import sys
import time

from meticulous import Experiment

answer, calls, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
experiment = Experiment({"calls": calls})
metrics = os.path.join(os.fspath(experiment.directory), "metrics.jsonl")
log = experiment.log
log(step=0, loss=0.1)
with open(metrics) as file:
    line = json.loads(file.readline())
logged, plain = [], []
with open(answer + ".lines", "w") as file:
    write, dumps = file.write, json.dumps
    for _ in range(rounds):
        started = time.perf_counter()
        for step in range(calls):
            log(step=step, loss=1 / (step + 3))
        logged.append(time.perf_counter() - started)
        started = time.perf_counter()
        for step in range(calls):
            line["step"] = step
            line["loss"] = 1 / (step + 3)
            write(dumps(line) + "\n")
        plain.append(time.perf_counter() - started)
experiment.finish()
with open(metrics) as file:
    kept = sum(1 for _ in file)
with open(answer, "w") as file:
    json.dump({"logged": logged, "plain": plain, "kept": kept}, file)
