"""Inheritance: the experiment of train.py with another default and one more parameter."""

import random

from train import Train

from meticulous import Experiment


class Outliers(Experiment):
    """Something to mix in: now and then a point lies far away."""

    share: float = 0.1  # @p share of the points that lie far away

    def spoilt(self, data):
        """Return the data with some points moved."""
        return [(x, 10.0) if random.random() < self.share else (x, y) for x, y in data]


class Noisy(Outliers, Train):
    """Fit a line to data with outliers."""

    noise = 0.5
    epochs: int = 40  # @p passes over the noisy data

    def data(self):
        """Return the data of the base class, spoilt."""
        return self.spoilt(super().data())


if __name__ == "__main__":
    Noisy.main()
