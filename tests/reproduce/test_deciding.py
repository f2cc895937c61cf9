"""Which run a diagnosis wants next, and what it concludes: tables, nothing is run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meticulous.reproduce.diagnosis.deciding import decide, most_runs, next_trial
from meticulous.reproduce.diagnosis.facts import (
    ALL_CHANGED,
    BASE,
    CHANGED,
    EVERYTHING,
    HASHES,
    NO_RESULT,
    SEEDS,
    STILL,
    THREADS,
    Decision,
    Evidence,
    Factor,
    Run,
    Trial,
)
from meticulous.reproduce.diagnosis.report import rows_of, sentence_of

BASES = Trial(BASE)
CODE, DATA, PACKAGES = (Factor(name, f"{name} differ") for name in ("code", "inputs", "packages"))
CPU = Factor("processor", "one -> another", "it is that of this machine")
LOST_DATA = Factor("inputs", "data (changed)", "not here any more")
HOLDS = (SEEDS, HASHES, THREADS)


def changed(name: str) -> Trial:
    return Trial(CHANGED, name)


def held(name: str, value: int = 0) -> Trial:
    return Trial(STILL, name, value)


def evidence(*runs: tuple[Trial, int], factors=(), holds=HOLDS, **options) -> Evidence:
    made = tuple(Run(trial, label, f"loss {label}" if label else "") for trial, label in runs)
    return Evidence(tuple(factors), tuple(holds), made, **options)


NOISY = ((BASES, 0), (BASES, 1))
STEADY = ((BASES, 0), (BASES, 0))
BESIDE = ((BASES, 1), (BASES, 1), (BASES, 1))
SEEDS_QUIET = ((held(SEEDS), 2), (held(SEEDS), 2))
SEEDS_NOISY = ((held(SEEDS), 2), (held(SEEDS), 3))
HASHES_NOISY = ((held(HASHES), 4), (held(HASHES), 5))
THREADS_NOISY = ((held(THREADS), 6), (held(THREADS), 7))


@pytest.mark.parametrize(
    ("known", "wanted"),
    [
        (evidence(), BASES),
        (evidence((BASES, 0)), BASES),
        # Two that agree with each other and not with the record may do so by chance.
        (evidence((BASES, 1), (BASES, 1)), BASES),
        (evidence(*BESIDE), None),
        (evidence((BASES, 0), (BASES, NO_RESULT)), None),
        # Noise: each source of it is held still in two runs, then at another value.
        (evidence(*NOISY), held(SEEDS)),
        (evidence(*NOISY, (held(SEEDS), 2)), held(SEEDS)),
        (evidence(*NOISY, *SEEDS_QUIET), held(SEEDS, 1)),
        (evidence(*NOISY, *SEEDS_QUIET, (held(SEEDS, 1), 2)), held(SEEDS, 2)),
        (evidence(*NOISY, *SEEDS_QUIET, (held(SEEDS, 1), 3)), None),
        (evidence(*NOISY, *SEEDS_NOISY), held(HASHES)),
        (evidence(*NOISY, (held(SEEDS), NO_RESULT)), held(HASHES)),
        (evidence(*NOISY, *SEEDS_NOISY, *HASHES_NOISY), held(THREADS)),
        (
            evidence(*NOISY, *SEEDS_NOISY, *HASHES_NOISY, (held(THREADS), 6), (held(THREADS), 6)),
            None,
        ),
        (evidence(*NOISY, *SEEDS_NOISY, *HASHES_NOISY, *THREADS_NOISY), held(EVERYTHING)),
        (evidence(*NOISY, holds=()), None),
        # No noise: one factor at a time, then all together.
        (evidence(*STEADY), None),
        (evidence(*STEADY, factors=[CODE, CPU]), changed("code")),
        (evidence(*STEADY, (changed("code"), 0), factors=[CODE, CPU]), None),
        (evidence(*STEADY, (changed("code"), 1), factors=[CODE, DATA]), changed("inputs")),
        (
            evidence(*STEADY, (changed("code"), 1), (changed("inputs"), 0), factors=[CODE, DATA]),
            None,
        ),
        (
            evidence(*STEADY, (changed("code"), 0), (changed("inputs"), 0), factors=[CODE, DATA]),
            Trial(ALL_CHANGED),
        ),
        (evidence(*BESIDE, factors=[PACKAGES]), changed("packages")),
        # A run that was made already is not made again.
        (evidence((changed("code"), 1), *STEADY, factors=[CODE]), None),
        (evidence((BASES, 0), is_stopped=True), None),
    ],
)
def test_the_next_run_is(known, wanted):
    assert next_trial(known) == wanted


@pytest.mark.parametrize(
    ("known", "decision", "says"),
    [
        (
            evidence(*NOISY, *SEEDS_QUIET, (held(SEEDS, 1), 3)),
            Decision("noise", (SEEDS,)),
            "Random numbers that nobody seeded",
        ),
        (
            evidence(*NOISY, *SEEDS_QUIET, (held(SEEDS, 1), 2), (held(SEEDS, 2), 2)),
            Decision("noise", (SEEDS,), is_sure=False),
            "Most likely: random numbers",
        ),
        (
            evidence(*NOISY, *SEEDS_NOISY, (held(HASHES), 2), (held(HASHES), 2)),
            Decision("noise", (HASHES,), is_sure=False),
            "PYTHONHASHSEED",
        ),
        (
            evidence(*NOISY, (held(THREADS), 2), (held(THREADS), 2), holds=(THREADS,)),
            Decision("noise", (THREADS,)),
            "one thread on one processor",
        ),
        (
            evidence(
                *(*NOISY, *SEEDS_NOISY, *HASHES_NOISY, *THREADS_NOISY),
                *((held(EVERYTHING), 9), (held(EVERYTHING), 9)),
            ),
            Decision("noise", HOLDS),
            "several sources",
        ),
        (
            evidence(*NOISY, *SEEDS_NOISY, *HASHES_NOISY, *THREADS_NOISY),
            Decision("noise", (), is_sure=False),
            "was not found",
        ),
        (
            evidence(*NOISY, is_stopped=True),
            Decision("noise", (), is_sure=False),
            "stopped before its source",
        ),
        (
            evidence(*STEADY, (changed("code"), 1), (changed("inputs"), 0), factors=[CODE, DATA]),
            Decision("moved", ("code",)),
            "The code moves the numbers (loss 1)",
        ),
        (
            evidence(*STEADY, (changed("code"), 1), (changed("inputs"), 2), factors=[CODE, DATA]),
            Decision("moved", ("code", "inputs")),
            "Inputs move the numbers (loss 2)",
        ),
        (
            evidence(*STEADY, (changed("packages"), NO_RESULT), factors=[PACKAGES]),
            Decision("moved", ("packages",)),
            "--environment recreate",
        ),
        (
            evidence(
                *(*STEADY, (changed("code"), 0), (changed("inputs"), 0), (Trial(ALL_CHANGED), 1)),
                factors=[CODE, DATA],
            ),
            Decision("together", ("code", "inputs")),
            "all together",
        ),
        (
            evidence(*STEADY, (changed("code"), 0), factors=[CODE, CPU]),
            Decision("not moved", ("processor",), is_sure=False),
            "nothing that could be varied",
        ),
        (
            evidence(*BESIDE, factors=[CPU, LOST_DATA]),
            Decision("not restored", ("inputs", "processor"), is_sure=False),
            "Most likely: inputs move the numbers, and could not be restored: data (changed)",
        ),
        (
            evidence(*BESIDE),
            Decision("not restored", (), is_sure=False),
            "nothing that the record knows",
        ),
        (
            evidence(*BESIDE, (changed("packages"), 0), factors=[PACKAGES]),
            Decision("moved", ("packages",)),
            "The recorded results come out with the present packages",
        ),
        (
            evidence((BASES, NO_RESULT), factors=[LOST_DATA]),
            Decision("not run", ("inputs",), is_sure=False),
            "does not come to a result",
        ),
        (
            evidence((BASES, 0), is_stopped=True),
            Decision("stopped", (), is_sure=False),
            "stopped before the cause",
        ),
    ],
)
def test_the_conclusion_is(known, decision, says):
    assert decide(known) == decision
    assert says in sentence_of(decision, known)


@pytest.mark.parametrize(
    ("known", "least", "most"),
    [
        (evidence(), 2, 13),
        (evidence(holds=(), factors=[CODE]), 2, 4),
        (evidence((changed("code"), 1), holds=(), factors=[CODE]), 2, 3),
    ],
)
def test_how_many_runs_it_will_take_is_known_beforehand(known, least, most):
    assert most_runs(known) == (least, most)


@pytest.mark.parametrize("labels", [(0, 1), (0, 0), (1, 1), (0, NO_RESULT), (2, 3)])
@pytest.mark.parametrize("factors", [(), (CODE,), (CODE, DATA, CPU)])
def test_whatever_comes_out_it_ends_within_the_announced_number_of_runs(labels, factors):
    known = evidence(factors=factors)
    _, most = most_runs(known)
    count = 0
    while (trial := next_trial(known)) is not None:
        label = labels[count % 2]
        known = evidence(
            *((run.trial, run.label) for run in known.runs), (trial, label), factors=factors
        )
        count += 1
    assert count <= most
    assert decide(known).kind != "stopped"
    assert sentence_of(decide(known), known)
    assert list(rows_of(known))


# One of many variables


@pytest.mark.parametrize("guilty", [("A",), ("C",), ("E",), ("B", "D"), ("A", "B")])
def test_what_moves_the_numbers_is_narrowed_down_by_halves(guilty):
    parts = tuple((name, f"{name} 1 -> 2") for name in "ABCDE")
    variables = Factor("variables", ", ".join(text for _, text in parts), parts=parts)
    known = evidence(*STEADY, factors=[variables])
    most = most_runs(known)[1]
    made = 0
    while (trial := next_trial(known)) is not None:
        made += 1
        on = set(trial.only or "ABCDE")
        label = 1 if trial.kind == CHANGED and on >= set(guilty) else 0
        run = Run(trial, label, f"loss {label}" if label else "")
        known = replace(known, runs=(*known.runs, run))
    assert made <= most
    sentence = sentence_of(decide(known), known)
    named = [name for name, text in parts if text in sentence]
    assert set(guilty) <= set(named)
    # Two that act only together are parted by the first cut between them.
    assert named == list(guilty) or guilty == ("B", "D")
    assert any(row.tried.startswith("only ") for row in rows_of(known))
