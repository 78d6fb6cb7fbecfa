"""Keep a large table of a run as Parquet beside its CSV, for readers that have pyarrow.

The CSV is the table. The Parquet file holds the checksum of its CSV; where that differs, or without pyarrow
(extra `files`), a reader takes the CSV. The values of both are the same to the last bit.
"""

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from lambdist_lib.results import files

ROWS_AT_ONCE = 5_000  # 15 MB of them in memory
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
    whole = set(names) - set(texts) - set(flags)  # columns of integers without a missing value
    with (
        files.whole(path_of(packed)) as partial,
        parquet.ParquetWriter(partial, schema, compression="zstd", use_dictionary=encoded) as writer,
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
    packed: Path, recurring: Collection[str], columns: Collection[str] | None = None
) -> pd.DataFrame | None:
    """Read a gzipped table from its Parquet file; a missing flag is None.

    Args:
        recurring: The columns of text that come back as categories.
        columns: The columns to read; by default all.

    Returns:
        None where there is no Parquet file of this CSV, or no pyarrow.
    """
    try:
        from pyarrow import ArrowException, default_memory_pool, parquet
    except ImportError:
        return None
    try:
        schema = parquet.read_schema(path_of(packed))
        names = [name for name in schema.names if columns is None or name in columns]
        encoded = [name for name in names if name in recurring]
        with parquet.ParquetFile(path_of(packed), read_dictionary=encoded) as file:
            facts = file.metadata.metadata or {}
            if facts.get(b"csv") != _checksum(packed).encode():
                return None
            rows = file.read(names).unify_dictionaries()
    except (OSError, ArrowException):
        return None
    table: pd.DataFrame = rows.to_pandas(split_blocks=True, self_destruct=True)
    del rows
    default_memory_pool().release_unused()  # pyarrow would keep the memory of what it has decoded
    integers = {*facts[b"integers"].decode().split(",")}
    return table.astype(dict.fromkeys(filter(integers.__contains__, names), "int64"))


def _checksum(packed: Path) -> str:
    """Return what the end of a gzip file tells of its content."""
    with packed.open("rb") as file:
        file.seek(-TRAILER_BYTES, 2)
        return file.read().hex()
