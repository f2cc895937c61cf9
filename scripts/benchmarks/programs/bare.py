"""An argparse script that prints as many lines as it is told; nothing records it."""

import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--lines", type=int, default=1)
args = parser.parse_args()
for number in range(args.lines):
    print("line", number)
