"""Where the time of a datapoint went, from its intended send to the write of its result.

Consecutive stamps cut that time into stages without gap or overlap, so they add up exactly:

    distributed   intended > sent > received > queued > first_received > started > finished > put
    single node   intended > sent > received > started > finished > put

Clocks (see `columns`): `to_entry` goes from the client's clock to the Lambda's, `collector` and
`start` between the Lambda's and SQS's. SQS cuts its stamps to whole milliseconds, so a stage
that ends in one may come out up to 1 ms short, below zero too, and the next that much long.
`check` holds the stages against such a bound.
"""

import pandas as pd

from lambdist_lib.errors import RunError
from lambdist_lib.protocol.arms import ARMS, is_local
from lambdist_lib.protocol.contract import STORED

Span = tuple[str, str]  # of two time stamps, columns of the records
STAGES: dict[str, Span] = {  # of an arm with a queue, in order of time
    "wait": ("intended_at", "sent_at"),  # for a free sender, and tries before the last
    "to_entry": ("sent_at", "received_at"),  # network, API, cold start of the first Lambda
    "collector": ("received_at", "queued_at"),
    "queue": ("queued_at", "first_received_at"),
    # cold start of the processor, neighbours before it in the batch, failed attempts and their delays
    "start": ("first_received_at", "started_at"),
    "process": ("started_at", "finished_at"),  # process() and its declared work
    "to_put": ("finished_at", "put_at"),
}
STAGES_WITHOUT_QUEUE = {
    "wait": STAGES["wait"],
    "to_entry": STAGES["to_entry"],
    "start": ("received_at", "started_at"),  # neighbours before it in the request
    "process": STAGES["process"],
    "to_put": STAGES["to_put"],
}
NAMES = tuple(STAGES)
COLUMNS = tuple(f"{name}_s" for name in NAMES)
SQS_STAMP_S = 0.001
NEEDED = ["run_id", "arm", "n", "tries", *dict.fromkeys(stamp for span in STAGES.values() for stamp in span)]


def of_arm(arm: str) -> dict[str, Span]:
    """Return an arm's stages in order of time: each name with the columns of its begin and its end.

    Empty for an arm without a cloud.
    """
    if arm not in ARMS or is_local(arm):
        return {}
    return STAGES if ARMS[arm].queued else STAGES_WITHOUT_QUEUE


def per_datapoint(records: pd.DataFrame) -> pd.DataFrame:
    """One row per stored datapoint: `run_id`, `arm`, `n`, `<stage>_s` for each of NAMES, `end_to_end_s`.

    A stage that the arm does not have, and one with a stamp missing, is NaN.
    """
    stored = with_sent_at_of_the_try_that_counted(records.loc[records["outcome"] == STORED, NEEDED])
    table = stored[["run_id", "arm", "n"]].copy()
    for name in NAMES:
        table[f"{name}_s"] = float("nan")
    for arm in stored["arm"].unique():
        rows = stored["arm"] == arm
        for name, (begin, end) in of_arm(arm).items():
            table.loc[rows, f"{name}_s"] = _seconds(stored.loc[rows, end]) - _seconds(stored.loc[rows, begin])
    table["end_to_end_s"] = _seconds(stored["put_at"]) - _seconds(stored["intended_at"])
    return table.reset_index(drop=True)


def with_sent_at_of_the_try_that_counted(records: pd.DataFrame) -> pd.DataFrame:
    """Records whose `sent_at` never follows the `received_at` of a datapoint that was sent more than once.

    There an earlier try had been accepted without an answer; when that one went out is not
    known, so the time until it was received counts as waiting.
    """
    sent_at, received_at = _seconds(records["sent_at"]), _seconds(records["received_at"])
    earlier = (records["tries"] > 1) & (sent_at > received_at)
    return records.assign(sent_at=sent_at.mask(earlier, received_at))


def check(stages: pd.DataFrame, bound_s: float = SQS_STAMP_S) -> None:
    """Refuse stages that run backwards by more than the clocks' bound.

    Args:
        stages: What `per_datapoint` returns.
        bound_s: How far two of the clocks may be apart. The default is for one clock and
            SQS's whole milliseconds; add the bound of client against Lambda on AWS.

    Raises:
        RunError: Names the worst stage and how many datapoints are concerned.
    """
    shortest = stages[list(COLUMNS)].min()
    if (shortest >= -bound_s).where(shortest.notna(), True).all():
        return
    worst = shortest.idxmin()
    concerned = stages[stages[worst] < -bound_s]
    raise RunError(
        f"run {', '.join(concerned['run_id'].unique())}: {worst.removesuffix('_s')} lasts "
        f"{shortest[worst] * 1000:.3f} ms for the worst of {len(concerned):,} datapoints, and the clocks "
        f"agree within {bound_s * 1000:g} ms; set this machine's clock and run again, or pass the true bound"
    )


def summary(records: pd.DataFrame) -> pd.DataFrame:
    """One row per arm and stage in order of time, and an `end_to_end` row per arm.

    Columns: `arm`, `stage`, `n` datapoints, `median_s`, `p90_s`, and `share`, the stage's part
    of the time of all datapoints together. Datapoints with a stamp missing are left out: `n`
    below the number stored tells of them.
    """
    whole = per_datapoint(records)
    rows = []
    for arm, datapoints in whole.groupby("arm", sort=False):
        spans = [f"{name}_s" for name in of_arm(arm)]
        complete = datapoints.dropna(subset=[*spans, "end_to_end_s"])
        total_s = complete["end_to_end_s"].sum()
        for column in [*spans, "end_to_end_s"]:
            durations = complete[column]
            rows.append(
                {
                    "arm": arm,
                    "stage": column.removesuffix("_s"),
                    "n": len(durations),
                    "median_s": durations.median(),
                    "p90_s": durations.quantile(0.9),
                    "share": durations.sum() / total_s if total_s else float("nan"),
                }
            )
    return pd.DataFrame(rows, columns=["arm", "stage", "n", "median_s", "p90_s", "share"])


def _seconds(stamps: pd.Series) -> pd.Series:
    return pd.to_numeric(stamps, errors="coerce")  # "" is a stamp that does not exist
