"""Attach a text to each mark of a figure; a page shows it on hover (`figures.svg`), a PNG ignores it."""

from collections.abc import Iterable

from matplotlib.artist import Artist

from lambdist_lib.formatting import escape_unprintable

PREFIX, SEPARATOR = "marks:", "|"


def label_marks(artist: Artist, texts: Iterable[str]) -> None:
    """Attach a text to each mark of an artist, in the order of its data.

    Args:
        artist: A scatter, a line with markers, a collection or one patch.
        texts: As many as the artist has points or shapes; or one, for a curve or a patch.
    """
    artist.set_gid(
        PREFIX + SEPARATOR.join(escape_unprintable(text).replace(SEPARATOR, "/") for text in texts)
    )


def label_each(artists: Iterable[Artist], texts: Iterable[str]) -> None:
    """Attach a text to each of several artists, such as the bars of a chart."""
    for artist, text in zip(artists, texts, strict=True):
        label_marks(artist, [text])
