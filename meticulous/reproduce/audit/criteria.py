"""What an audit asks of each experiment, and which checklist wants to know it."""

from __future__ import annotations

from dataclasses import dataclass

SOURCES = {
    "NeurIPS": (
        "NeurIPS paper checklist, with the number of its question",
        "https://neurips.cc/public/guides/PaperChecklist",
    ),
    "ML": (
        "The Machine Learning Reproducibility Checklist, version 2.0, with its section",
        "https://www.cs.mcgill.ca/~jpineau/ReproducibilityChecklist.pdf",
    ),
    "Code": (
        "ML Code Completeness Checklist, with the number of its item",
        "https://github.com/paperswithcode/releasing-research-code",
    ),
    "ACM": (
        "ACM Artifact Review and Badging, version 1.1, with the badge; 'available' asks besides "
        "for an archive with an identifier, 'reproduced' for another team than the authors",
        "https://www.acm.org/publications/policies/artifact-review-and-badging-current",
    ),
}
"""The checklists: their names and where they are published."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One item of a checklist that a record can answer.

    Attributes:
        name: A word for it.
        claim: What is so when the answer is yes.
        sources: The items of `SOURCES` it comes from.
    """

    name: str
    claim: str
    sources: tuple[str, ...]


CRITERIA = (
    Criterion(
        "commit",
        "the repository holds the commit or snapshot that ran",
        ("NeurIPS 5", "ML code", "ACM available"),
    ),
    Criterion(
        "published",
        "a remote has it, so that others can get it",
        ("NeurIPS 5", "ML code", "ACM available"),
    ),
    Criterion("sources", "no code was loaded that it does not hold", ("ML code", "ACM functional")),
    Criterion(
        "readme",
        "its top folder has a README",
        ("NeurIPS 13", "Code 5", "ML code", "ACM functional", "ACM reusable"),
    ),
    Criterion(
        "license", "its top folder says what others may do with it", ("NeurIPS 13", "ACM reusable")
    ),
    Criterion(
        "command", "the record has the command line", ("NeurIPS 5", "ML code", "ACM functional")
    ),
    Criterion(
        "arguments",
        "the record has every argument and its default",
        ("NeurIPS 6", "ML results"),
    ),
    Criterion("description", "its author says what it is for", ("ACM functional", "ACM reusable")),
    Criterion(
        "unattended", "nothing had to be typed or piped into the program", ("ACM functional",)
    ),
    Criterion("packages", "the packages are pinned", ("NeurIPS 5", "ML code", "Code 1")),
    Criterion(
        "installable",
        "every package comes from an index or a repository",
        ("Code 1", "ACM functional", "ACM reusable"),
    ),
    Criterion("hardware", "the record describes the hardware", ("NeurIPS 8", "ML results")),
    Criterion("compute", "the record says how long it took", ("NeurIPS 8", "ML results")),
    Criterion("seed", "the seed is recorded", ("NeurIPS 4",)),
    Criterion("seeded", "no random generator was used unseeded", ("NeurIPS 4",)),
    Criterion(
        "repetitions",
        "there are runs that differ in nothing but the seed, for error bars",
        ("NeurIPS 7", "ML results"),
    ),
    Criterion("inputs", "every file that was read has a digest", ("NeurIPS 5", "ML data")),
    Criterion(
        "data", "whoever has the commit has these files", ("NeurIPS 5", "ML data", "ACM available")
    ),
    Criterion(
        "outputs",
        "what was written lies in the folder of the experiment or the repository",
        ("ACM functional",),
    ),
    Criterion("success", "it ended with success", ("ACM functional",)),
    Criterion("results", "the record has results", ("Code 5", "ML code")),
    Criterion(
        "reproduced", "it was run again, and the results agreed", ("NeurIPS 4", "ACM reproduced")
    ),
)
"""The items, in the order of a report."""
