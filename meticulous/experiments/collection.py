"""Experiments as programs get them: what the reader tells, and what a repository adds to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meticulous.reader.experiments import Experiments as RecordedExperiments

if TYPE_CHECKING:
    from meticulous.reader.comparing.comparison import Comparison


class Experiments(RecordedExperiments):  # noqa: D101 - the docstring is that of the reader
    __doc__ = RecordedExperiments.__doc__

    def diff(self, a: str | int, b: str | int) -> Comparison:
        """Compare two experiments: arguments, code, environment, packages, results, files.

        The files in which their code differs are looked up in the repository in which the
        experiments lie, or else in that of the project directory or the working directory. Where
        none has the commits of both, a remark of the section `code` says so.

        Args:
            a: The id of the first.
            b: The id of the second.

        Raises:
            ExperimentNotFoundError: There is none with such an id.
        """
        from meticulous.experiments.code import compare_with_code

        places = [self.project_directory] if self.project_directory else []
        return compare_with_code(self[a].record, self[b].record, near=places)[0]
