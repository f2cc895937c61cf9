"""An experiment that is a function: its first argument receives the experiment."""

import meticulous
from meticulous import Experiment


def evaluate(
    experiment: Experiment,
    slope: float,  # the line to judge
    points: int = 11,  # how many points to look at
):
    """Compare a line with y = 3 x."""
    places = [n / (points - 1) for n in range(points)]
    errors = [abs(slope - 3) * x for x in places]
    experiment.summary(mean_error=sum(errors) / points, worst_error=max(errors))


if __name__ == "__main__":
    meticulous.main(evaluate)
