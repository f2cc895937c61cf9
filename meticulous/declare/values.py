"""Values of parameters: made to fit a type, read from a text, and written as one."""

from __future__ import annotations

from meticulous.declare.kinds.choosing import inferred, kind_of
from meticulous.declare.kinds.kind import UnfitError
from meticulous.declare.marks import MISSING
from meticulous.errors import ParameterError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def cast(value: Any, annotation: Any, *, name: str = "the value") -> Any:
    """Return `value` as the type has it: `1` for a float is 1.0, a list for a tuple is a tuple.

    What a record holds of a value is accepted too: a text for a path or date, seconds for a length
    of time, the name or value of an enumeration's member. A text is never taken for a number.
    Types that are not known are checked with isinstance, or not at all.

    Args:
        value: Anything.
        annotation: A type, as annotations have it, resolved.
        name: What the message of an error calls the value.

    Raises:
        ParameterError: It does not fit; names the value, its type, and the type that is asked for.
    """
    try:
        return kind_of(annotation).cast(value)
    except UnfitError as error:
        raise ParameterError(error.about(name)) from None


def parse(text: str, annotation: Any, *, name: str = "the value") -> Any:
    """Return the value that a text of the command line means.

    A text for `str` is taken as it is. Lists are `64,32` or `[64, 32]`, dictionaries `{a: 1}`;
    quotes protect what stands among others. `null` and `None` are None where that is possible.

    Raises:
        ParameterError: The text means no value of this type.
    """
    try:
        return kind_of(annotation).parse(text)
    except UnfitError as error:
        raise ParameterError(error.about(name)) from None
    except RecursionError:
        raise ParameterError(f"{name} is nested too deeply.") from None


def render(value: Any, annotation: Any = MISSING) -> str:
    """Return a text that `parse`, with the same annotation, reads as this value.

    Without an annotation, the text is the one for the type of the value itself.
    """
    kind = inferred(value) if annotation is MISSING else kind_of(annotation)
    return kind.render(value)
