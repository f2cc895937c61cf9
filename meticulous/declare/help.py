"""What a declaration tells people: the docstring, then the parameters of each class."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from meticulous.declare.declaration import Declaration
    from meticulous.declare.parameters import Parameter


def help_text(declaration: Declaration) -> str:
    """Return the docstring, then `Parameters:` with a group for each class that declares some.

    Each line is `name: type=default ~ help`, without the parts there are none of. A function has
    no groups.
    """
    if not declaration.parameters:
        return declaration.prose
    blocks = [declaration.prose] if declaration.prose else []
    found = groups(declaration.parameters.values())
    lines = ["Parameters:"]
    for owner, parameters in found.items():
        if isinstance(declaration.thing, type):
            lines += ["", f"    {owner}", f"    {'-' * len(owner)}"]
        lines += [f"    {parameter.line()}" for parameter in parameters]
    return "\n\n".join([*blocks, "\n".join(lines)])


def groups(parameters: Iterable[Parameter]) -> dict[str, list[Parameter]]:
    """Return the parameters by the class that declares them, base classes first."""
    found: dict[str, list[Parameter]] = {}
    for parameter in parameters:
        found.setdefault(parameter.owner, []).append(parameter)
    return found


def cleaned(docstring: object) -> str:
    """Return a docstring without the indentation it has in the source."""
    if not isinstance(docstring, str):
        return ""
    first, *rest = docstring.expandtabs().split("\n")
    margin = min((len(line) - len(line.lstrip()) for line in rest if line.strip()), default=0)
    return "\n".join([first.strip(), *(line[margin:].rstrip() for line in rest)]).strip("\n")
