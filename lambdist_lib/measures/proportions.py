"""A share with its interval."""

from typing import NamedTuple

FEW = 5  # up to here the exact interval: Wilson's covers too little next to 0 and 1


class Share(NamedTuple):
    share: float
    low: float
    high: float
    method: str


def share(events: int, trials: int, confidence: float = 0.95) -> Share:
    """Events among trials: Clopper-Pearson for few events or few non-events, Wilson otherwise.

    Both take the trials as independent. Without trials everything is NaN and the method "".
    """
    from scipy.stats import binomtest  # takes a second to import

    if trials == 0:
        return Share(float("nan"), float("nan"), float("nan"), "")
    few = min(events, trials - events) <= FEW
    found = binomtest(events, trials).proportion_ci(confidence, method="exact" if few else "wilson")
    method = "Clopper-Pearson" if few else "Wilson"
    return Share(events / trials, float(found.low), float(found.high), method)
