"""Keep a large table of a run as Parquet beside its CSV, for readers that have pyarrow.

The CSV is the table. The Parquet file holds the checksum of its CSV; where that differs, or without pyarrow
(extra `files`), a reader takes the CSV. The values of both are the same to the last bit.
"""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lambdist_lib.results import files

if TYPE_CHECKING:
    import pyarrow
    from pyarrow import parquet

ROWS_AT_ONCE = 5_000  # 15 MB of them in memory
GROUPS_AT_ONCE = 20  # of so many rows, while they are read
TRAILER_BYTES = 8  # of a gzip file: CRC-32 and length of its content (RFC 1952)


def path_of(packed: Path) -> Path:
    """Return where the Parquet file of `<name>.csv.gz` is."""
    return packed.with_name(packed.name.removesuffix(".csv.gz") + ".parquet")


def write(packed: Path, *, texts: tuple[str, ...], flags: tuple[str, ...]) -> None:
    """Write a gzipped table as Parquet, too, with ROWS_AT_ONCE rows in memory.

    Args:
        packed: `<name>.csv.gz`, with a header and at least one row.
        texts: The columns of text.
        flags: The columns of True and False; all others are numbers.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        return
    names = list(pd.read_csv(packed, nrows=0))
    types = {name: pyarrow.string() if name in texts else pyarrow.float64() for name in names}
    types |= {name: pyarrow.bool_() for name in names if name in flags}
    schema = pyarrow.schema(list(types.items()))
    encoded = [name for name in names if name in texts]
    numbers = [name for name in names if name not in (*texts, *flags)]
    whole = {*numbers}  # columns of integers without a missing value
    with (
        files.whole(path_of(packed)) as partial,
        parquet.ParquetWriter(
            partial, schema, compression="lz4", use_dictionary=encoded,
            use_byte_stream_split=numbers,  # as small as zstd without it, and read in half of its time
        ) as writer,
        pd.read_csv(
            packed, keep_default_na=False, na_values=[""], dtype=dict.fromkeys((*texts, *flags), object),
            chunksize=ROWS_AT_ONCE,
        ) as chunks,
    ):  # fmt: skip
        for chunk in chunks:
            whole &= {name for name in whole if chunk[name].dtype == "int64"}
            known = {name: chunk[name].map({"True": True, "False": False}) for name in flags if name in chunk}
            rows = chunk.assign(**known)
            # in one thread: each of several keeps memory of its own
            writer.write_table(pyarrow.Table.from_pandas(rows, schema, preserve_index=False, nthreads=1))
        writer.add_key_value_metadata({"csv": _checksum(packed), "integers": ",".join(sorted(whole))})


def read(
    packed: Sequence[Path],
    *,
    categories: Collection[str],
    texts: Collection[str],
    columns: Collection[str] | None = None,
) -> pd.DataFrame | None:
    """Read gzipped tables as one, from their Parquet files.

    Args:
        packed: At least one.
        categories: The columns of text that come back as categories, in order of the alphabet.
        texts: The columns of text that recurs; a missing one is "".
        columns: The columns to read; by default all.

    Returns:
        None where a table has no Parquet file of its CSV, or without pyarrow.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        return None
    try:
        metadata = [parquet.read_metadata(path_of(path)) for path in packed]
        checksums = [(each.metadata or {}).get(b"csv") for each in metadata]
        if checksums != [_checksum(path).encode() for path in packed]:
            return None
        return _table(packed, metadata, categories, texts, columns)
    except (OSError, pyarrow.ArrowException):
        return None


def _table(
    packed: Sequence[Path],
    metadata: Sequence["parquet.FileMetaData"],
    categories: Collection[str],
    texts: Collection[str],
    columns: Collection[str] | None,
) -> pd.DataFrame:
    """Return `read` of files with these metadata: the memory holds numbers once, and a part of a file."""
    whole = set.intersection(*({*each.metadata[b"integers"].decode().split(",")} for each in metadata))
    schema = metadata[0].schema.to_arrow_schema()
    types = {field.name: field.type for field in schema if columns is None or field.name in columns}
    count = sum(each.num_rows for each in metadata)
    numbers = {
        name: np.empty(count, "int64" if name in whole else "float64")
        for name, kind in types.items()
        if kind == "double"
    }
    known: dict[str, dict[str, int]] = {name: {} for name in types if name in (*categories, *texts)}
    chunks: dict[str, list[Any]] = {name: [] for name in types if name not in numbers}
    begin = 0
    for rows in _parts(packed, metadata, list(types), list(known)):
        for name, column in zip(types, rows.columns, strict=True):
            if name in numbers:
                numbers[name][begin : begin + len(rows)] = column.to_numpy()
            elif name in known:
                chunks[name].append(_codes(column, known[name]))
            else:
                chunks[name] += column.chunks
        begin += len(rows)

    def column_of(name: str) -> Any:
        if name in numbers:
            return numbers[name]
        if name in known:
            codes = np.concatenate(chunks.pop(name))
            return (_category if name in categories else _texts)(codes, list(known[name]))
        return _plain(chunks.pop(name), types[name])

    return pd.DataFrame({name: column_of(name) for name in types}, copy=False)


def _parts(
    packed: Sequence[Path], metadata: Sequence["parquet.FileMetaData"], names: list[str], encoded: list[str]
) -> Iterator["pyarrow.Table"]:
    """Yield the rows of the Parquet files in order, GROUPS_AT_ONCE groups of them at once."""
    from pyarrow import parquet

    for path, facts in zip(packed, metadata, strict=True):
        with parquet.ParquetFile(path_of(path), metadata=facts, read_dictionary=encoded) as file:
            for first in range(0, file.num_row_groups, GROUPS_AT_ONCE):
                groups = range(first, min(first + GROUPS_AT_ONCE, file.num_row_groups))
                yield file.read_row_groups(groups, names)


def _codes(column: "pyarrow.ChunkedArray", known: dict[str, int]) -> np.ndarray:
    """Return the code of each text of an encoded column, -1 for a missing one; new texts become known."""
    encoded = column.combine_chunks()
    codes = [known.setdefault(text, len(known)) for text in encoded.dictionary.to_pylist()]
    small = np.array([*codes, -1], np.min_scalar_type(-max(len(known), 1)))
    of_rows: np.ndarray = small[encoded.indices.fill_null(-1).to_numpy()]
    return of_rows


def _category(codes: np.ndarray, texts: list[str]) -> pd.Categorical:
    """Return the rows' texts as a category, in order of the alphabet."""
    order = sorted(range(len(texts)), key=texts.__getitem__)
    places = np.array([*np.argsort(order), -1], codes.dtype)  # the last one is that of a missing text
    return pd.Categorical.from_codes(
        places[codes], categories=pd.Index([texts[code] for code in order], dtype="str")
    )


def _texts(codes: np.ndarray, texts: list[str]) -> pd.Series:
    """Return the rows' texts, "" for a missing one."""
    # pandas would make another type of an array
    return pd.Series(np.array([*texts, ""], object)[codes], dtype=object, copy=False)


def _plain(chunks: list["pyarrow.Array"], kind: "pyarrow.DataType") -> pd.Series:
    """Return flags or ids, NaN for a missing one."""
    import pyarrow

    column = pyarrow.chunked_array(chunks, kind).to_pandas()
    return column.where(column.notna()) if column.dtype == object else column


def _checksum(packed: Path) -> str:
    """Return what the end of a gzip file tells of its content."""
    with packed.open("rb") as file:
        file.seek(-TRAILER_BYTES, 2)
        return file.read().hex()
