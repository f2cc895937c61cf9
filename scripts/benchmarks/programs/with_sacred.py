"""The same script, recorded by Sacred into files."""

import argparse

from sacred import Experiment
from sacred.observers import FileStorageObserver

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--lines", type=int, default=1)
args = parser.parse_args()
experiment = Experiment("benchmark")
experiment.observers.append(FileStorageObserver("sacred-runs"))
experiment.add_config(vars(args))


@experiment.main
def main(lines: int) -> None:
    """Print the lines."""
    for number in range(lines):
        print("line", number)


experiment.run()
