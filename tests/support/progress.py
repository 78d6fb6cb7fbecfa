"""A run under way, half done."""

from lambdist_lib.progress import RunProgress

HALF = RunProgress(
    doing="sending", submitted=2_000, answered=1_100, settled=1_000, dead=3, in_flight=120, requests=20,
    in_work=4, troubles=(("retries", 7),), took_s=10.0,
)  # fmt: skip
