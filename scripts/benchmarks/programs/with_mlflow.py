"""The same script, its arguments recorded by MLflow into files; MLflow keeps no output."""

import argparse
import os

os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"  # files are what is compared; newer ones ask first

import mlflow

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--lines", type=int, default=1)
args = parser.parse_args()
mlflow.set_tracking_uri("file:./mlflow-runs")
with mlflow.start_run():
    mlflow.log_params(vars(args))
    for number in range(args.lines):
        print("line", number)
