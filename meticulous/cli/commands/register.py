"""`meticulous register`: make experiments that are to be run later."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from meticulous.sweep.registering import Set

_EXAMPLES = """\b
Examples:
  meticulous register train.py:Train "{lr: 0.1 | 0.2, optimiser: sgd | adam}" --repeats 3
  meticulous register train.py:Train "lr=log(1e-4,1e-1,4)" optimiser=sgd,adam --dry-run
  meticulous register ./simulate.sh --defaults defaults.yml "{mesh: 32 | 64}"
  meticulous register ./simulate.sh mesh=32,64 -- --size {mesh} --out "$PWD/out"

\b
Exit code: 0 when they are registered; 2 when they cannot be, and then none is.
"""

_SHOWN = 10


class _Register(click.Command):
    """Keeps what stands behind `--` apart: these are words for the program."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--" in args:
            end = args.index("--")
            ctx.meta[_WORDS] = tuple(args[end + 1 :])
            args = args[:end]
        return super().parse_args(ctx, args)


_WORDS = "meticulous.program-words"


@click.command(
    cls=_Register, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXAMPLES
)
@click.argument("target")
@click.argument("sweeps", metavar="[SWEEP]... [-- WORD...]", nargs=-1)
@click.option(
    "--repeats", metavar="N", type=click.IntRange(1), default=1, help="Make N of each point."
)
@click.option("--purpose", metavar="TEXT", default="", help="Say what they are about.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="Mark them; repeatable.")
@click.option("--name", metavar="NAME", help="Call them NAME, NAME_1, ... [default: their values]")
@click.option(
    "--defaults",
    metavar="FILE",
    help="TARGET is a program, and its parameters with their defaults stand in this YAML file.",
)
@click.option(
    "--header",
    metavar="FILE",
    help="Put the lines of FILE, such as #SBATCH --time=1:00:00, at the head of each run.sh. "
    "[default: as configured]",
)
@click.option("--project-directory", metavar="DIR", default="", help="As for `meticulous run`.")
@click.option("--experiments-directory", metavar="DIR", help="As for `meticulous run`.")
@click.option(
    "--dirty",
    type=click.Choice(["refuse", "snapshot"]),
    default="refuse",
    show_default=True,
    help="With uncommitted changes, refuse, or keep the working tree as a snapshot.",
)
@click.option("--dry-run", is_flag=True, help="Only show which experiments would be made.")
@click.option("--yes", is_flag=True, help="Make more than 1,000 experiments without asking.")
@click.pass_context
def register(
    context: click.Context, /, target: str, sweeps: tuple[str, ...], **options: Any
) -> None:
    """Register experiments that carry out TARGET, one for each point of the sweeps.

    TARGET is file.py:name, module:name, file.py, or a name that `meticulous target` knows: a class
    or function with parameters; or a program of any language. A SWEEP is YAML in which | means
    "or", such as "{lr: 0.1 | 0.2, layers: [64] | [64, 64]}", the path of such a file, or
    name=value,value words, which together are one sweep; without any, the defaults alone are
    registered.

    Each experiment is a numbered folder with the status REGISTERED and a script run.sh, which
    `meticulous launch`, a shell or a scheduler starts later. All values are checked first; either
    all experiments are made or none.

    A program is told its parameters as --name value, behind its WORDs; or, where {name} stands in
    the words, by these. {METICULOUS_ARGS}, and the environment variable of that name, are the path
    of the file with all of them (JSON).
    """
    from meticulous.sweep.points import read_defaults
    from meticulous.sweep.registering import Set
    from meticulous.sweep.subjects import subject_of

    words: tuple[str, ...] = context.meta.get(_WORDS, ())
    defaults = None if options["defaults"] is None else read_defaults(options["defaults"])
    subject = subject_of(target, sweeps, defaults=defaults, words=words)
    options["project_directory"] = options["project_directory"] or subject.project
    experiments = Set(subject, sweeps, options["repeats"], options["name"])
    header = _header(options["header"])
    if options["dry_run"]:
        _show(experiments, options)
        return
    _confirm(experiments, options["yes"])
    made = experiments.register(
        purpose=options["purpose"],
        tags=options["tags"],
        header=header,
        project_directory=options["project_directory"],
        experiments_directory=options["experiments_directory"],
        dirty=options["dirty"],
        spell=_spell,
    )
    from meticulous.cli.wording import count_text, visible

    for one in made[:_SHOWN]:
        click.echo(f"{one.id}  {visible(one.name)}")
    if len(made) > _SHOWN:
        click.echo(f"... {len(made) - _SHOWN:,} more, up to {made[-1].id}")
    place = os.path.dirname(made[0].directory)
    click.echo(
        f"Registered {count_text(len(made), 'experiment')} in {visible(place)}. "
        "`meticulous launch` runs them.",
        err=True,
    )


def _spell(parameter: str, value: str | bool) -> str:
    if parameter == "norecord":
        return ""  # what is to be registered is to be recorded
    return f"meticulous register --{parameter.replace('_', '-')} {value} ..."


def _header(given: str | None) -> str:
    from meticulous.recorder.run_script import read_header
    from meticulous.sweep.settings import header_lines

    return header_lines() if given is None else read_header(os.path.expanduser(given))


def _confirm(experiments: Set, yes: bool) -> None:
    from meticulous.sweep.registering import MANY

    if yes or experiments.count <= MANY:
        return
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        experiments.confirm(is_confirmed=False)
    if not click.confirm(f"Make {experiments.count:,} experiments?", err=True):
        click.echo("Nothing was registered.", err=True)
        raise click.exceptions.Exit(1)


def _show(experiments: Set, options: dict[str, Any]) -> None:
    from meticulous.cli.wording import count_text, pairs_text, visible
    from meticulous.recorder.opening import planned_place

    # Not half of the list, and then that one of them cannot be.
    experiments.check()
    place = planned_place(options["project_directory"], options["experiments_directory"])
    for name, point in experiments.preview(place):
        click.echo(f"{visible(name)}  {visible(pairs_text(dict(point.args)))}")
    words = "This is" if experiments.count == 1 else "These are"
    click.echo(
        f"{words} {count_text(experiments.count, 'experiment')}; nothing was registered.",
        err=True,
    )
