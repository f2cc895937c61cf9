"""Fit a line by gradient descent: an experiment declared as a class."""

import random
from typing import Annotated, Literal

from meticulous import Experiment, Param


class Train(Experiment):
    """Fit a line by gradient descent."""

    lr: Annotated[float, Param("learning rate", gt=0)] = 0.1
    epochs: int = 20  # @p passes over the data
    optimiser: Literal["sgd", "momentum"] = "sgd"  # @p how a step is made
    noise: float = 0.1  # @p spread of the data around the line

    momentum = 0.9  # not marked, so no parameter

    def debug(self):
        """Be quick, for `--debug`."""
        self.epochs = 2

    def run(self):
        """Return the slope."""
        self.seed_everything(7)
        data = self.data()
        slope, speed = 0.0, 0.0
        for epoch in range(self.epochs):
            gradient = sum(2 * x * (slope * x - y) for x, y in data) / len(data)
            kept = self.momentum if self.optimiser == "momentum" else 0.0
            speed = kept * speed - self.lr * gradient
            slope += speed
            loss = sum((slope * x - y) ** 2 for x, y in data) / len(data)
            self.log(step=epoch, loss=loss)
            self.summary({"loss": loss, "epoch": epoch}, keep="min", leader="loss")
        self.summary(slope=slope)
        return slope

    def data(self):
        """Return pairs of x and y that lie around y = 3 x."""
        places = [n / 10 for n in range(-10, 11)]
        return [(x, 3 * x + random.gauss(0, self.noise)) for x in places]


if __name__ == "__main__":
    Train.main()
