"""Name the extra to install when an optional package is missing."""

from collections.abc import Iterator
from contextlib import contextmanager

from lambdist_lib.errors import MissingExtraError


@contextmanager
def needed(extra: str, purpose: str) -> Iterator[None]:
    """Wrap the imports of an extra's packages.

    Raises:
        MissingExtraError: One of them is not installed.

    Example:
        >>> with needed("laws", "fitting a scaling law"):
        ...     from lmfit import Model
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtraError(extra, purpose, error.name or "") from None
