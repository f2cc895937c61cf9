"""The same argparse script, recorded by the original meticulous-ml."""

import argparse

from meticulous import Experiment

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--lines", type=int, default=1)
Experiment.add_argument_group(parser)
experiment = Experiment.from_parser(parser)
args = parser.parse_args()
for number in range(args.lines):
    print("line", number)
