"""How the makespan depends on one factor, and which law that follows.

A point is one level of the factor at one file size: the median over its repetitions (`sweep`).
The laws are those of `laws`. Several names may be one curve, and then no fit tells them apart.

Fits are least squares of log T over the points (`lmfit`), without bounds: a parameter that is not
there comes out around zero with its true uncertainty, instead of at a bound without any.
AICc counts the variance as a parameter (Hurvich & Tsai 1989), so a parameter too many costs dearly.
"""

import functools
import math
import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from lambdist_lib import extras
from lambdist_lib.errors import RunError
from lambdist_lib.measures.scaling_laws import LAWS, OF_FACTOR, SHARED_OUT, Law

LEVELS_NEEDED = 6  # on both sides of the knee, of a law beyond `overhead` (Gunther 2007)
LEVELS_SPARE = 3  # of the others, beside their parameters: AICc is not defined with fewer
STDERR_MOST = 0.5  # of the parameter's value
SAME_CURVE = 1e-4  # AICc closer than this: one curve under two names
TINY_S = 1e-12  # a law that turns negative on the way of the search has no logarithm


@dataclass(frozen=True, slots=True)
class Parameter:
    """`how` the interval was had: by `profile`, or by `standard error` where the profile does not close."""

    name: str
    value: float
    low: float
    high: float
    stderr: float
    unit: str
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """One law on one sweep. `refusal` says in words why it is not to be believed; "" if it is.

    spread: standard deviation of the residuals, about the relative error of a point.
    knee: the level where the law's two ends meet; of `usl` and `linear` the fastest. Of the largest file.
    residuals: the points with `fitted_s` and `residual`, the log of observed over fitted.
    """

    law: str
    factor: str
    parameters: tuple[Parameter, ...]
    aicc: float
    spread: float
    knee: float
    confidence: float
    residuals: pd.DataFrame
    refusal: str = ""
    result: Any = field(default=None, repr=False, compare=False)  # lmfit's

    @property
    def accepted(self) -> bool:
        return not self.refusal

    def __getitem__(self, name: str) -> Parameter:
        return next(one for one in self.parameters if one.name == name)


def fits(points: pd.DataFrame, *, confidence: float = 0.95) -> dict[str, Fit]:
    """Every law that the factor allows, by name, the refused ones with their reason.

    Args:
        points: What `sweep.levels` returns.

    Raises:
        RunError: Fewer than three points: nothing can be fitted.
    """
    if len(points) < 3:
        raise RunError(
            f"{len(points)} levels are no sweep; measure at least {LEVELS_NEEDED}, "
            "from below the knee to beyond it"
        )
    factor = points["factor"].iloc[0]
    names = ("constant", *OF_FACTOR.get(factor, SHARED_OUT))
    found = {name: _fit(name, points, confidence) for name in names}
    judged = {name: replace(one, refusal=_refusal(one, found)) for name, one in found.items()}
    return {name: replace(one, refusal=one.refusal or _beaten(one, judged)) for name, one in judged.items()}


def best_fit(found: dict[str, Fit]) -> Fit | None:
    """The accepted law with the smallest AICc, the first of equal ones; None if all are refused."""
    accepted = [one for one in found.values() if one.accepted]
    return min(accepted, key=lambda one: round(one.aicc / SAME_CURVE), default=None)


def indistinguishable(one: Fit, other: Fit) -> bool:
    """Whether two laws came out as one curve: no data of these sizes can tell them apart."""
    return abs(one.aicc - other.aicc) < SAME_CURVE


def table(found: dict[str, Fit]) -> pd.DataFrame:
    """One row per law and parameter.

    Columns: `law`, `formula`, `parameter`, `value`, `low`, `high`, `unit`, `how`, `aicc`, `spread` and
    `verdict`, `accepted` or why it is refused.
    """
    rows = [
        {
            "law": one.law,
            "formula": LAWS[one.law].formula,
            "parameter": parameter.name,
            **{name: getattr(parameter, name) for name in ("value", "low", "high", "unit", "how")},
            "aicc": one.aicc,
            "spread": one.spread,
            "verdict": one.refusal or "accepted",
        }
        for one in found.values()
        for parameter in one.parameters
    ]
    return pd.DataFrame(rows)


def predict(fit: Fit, levels: Any, *, submitted: int | None = None) -> pd.DataFrame:
    """The makespan at levels of the factor, for `submitted` datapoints (None: the largest file measured).

    Returns:
        `level`, `submitted`, `makespan_s` with `low_s` and `high_s` (of the curve, not of a single
        run), and `extrapolated`: beyond the levels or the file sizes that were measured.

    Raises:
        RunError: The fit was refused.
    """
    if not fit.accepted:
        raise RunError(f"{fit.law} predicts nothing here: {fit.refusal}")
    seen, n = fit.residuals, np.atleast_1d(np.asarray(levels, dtype=float))
    s = np.full(len(n), float(seen["submitted"].max() if submitted is None else submitted))
    log_s = fit.result.eval(n=n, s=s)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        error = fit.result.eval_uncertainty(n=n, s=s, sigma=fit.confidence)
    beyond = [(values < seen[name].min()) | (values > seen[name].max())
              for name, values in (("level", n), ("submitted", s))]  # fmt: skip
    return pd.DataFrame(
        {
            "level": n,
            "submitted": s.astype(int),
            "makespan_s": np.exp(log_s),
            "low_s": np.exp(log_s - error),
            "high_s": np.exp(log_s + error),
            "extrapolated": beyond[0] | beyond[1],
        }
    )


def _fit(name: str, points: pd.DataFrame, confidence: float) -> Fit:
    with extras.needed("laws", "fitting a scaling law"):
        from lmfit import Model  # takes a second to import

    law = LAWS[name]
    n, s, t = (points[column].to_numpy(float) for column in ("level", "submitted", "median_s"))
    lowest = int(np.argmin(n))
    start = law.start(float(t.min()), float(t[lowest] * n[lowest] / s[lowest]) / 2, float(n.max()))

    @functools.wraps(law.seconds)  # lmfit reads the parameters' names there
    def log_seconds(**values: Any) -> np.ndarray:
        log_s: np.ndarray = np.log(np.maximum(law.seconds(**values), TINY_S))
        return log_s

    model = Model(log_seconds, independent_vars=["n", "s"])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # where a search fails is said by the refusal
        result = model.fit(
            np.log(t),
            model.make_params(**dict(zip(law.units, start, strict=True))),
            weights=np.sqrt(points["runs"].to_numpy(float) / points["runs"].mean()),
            n=n,
            s=s,
        )
        parameters = tuple(_parameters(result, law.units, confidence))
    points_free = len(t) - len(law.units)
    return Fit(
        law=name,
        factor=points["factor"].iloc[0],
        parameters=parameters,
        aicc=_aicc(result.chisqr, len(t), len(law.units)),
        spread=math.sqrt(result.chisqr / points_free) if points_free > 0 else math.nan,
        knee=_knee(law, s.max(), [one.value for one in parameters]),
        confidence=confidence,
        residuals=points.assign(fitted_s=np.exp(result.best_fit), residual=np.log(t) - result.best_fit),
        result=result,
    )


def _parameters(result: Any, units: dict[str, str], confidence: float) -> list[Parameter]:
    from lmfit import MinimizerException
    from scipy.stats import t as student

    try:
        profiles = result.conf_interval(sigmas=[confidence])
    except (MinimizerException, ValueError, ZeroDivisionError, TypeError, AttributeError):
        profiles = {}  # one parameter alone, no standard errors to begin with, or no way out of a flat valley
    found = []
    for name, unit in units.items():
        value, stderr = float(result.params[name].value), float(result.params[name].stderr or math.nan)
        ends = [end for _, end in profiles.get(name, [])]
        if len(ends) == 3 and np.isfinite(ends).all():
            found.append(Parameter(name, value, float(ends[0]), float(ends[2]), stderr, unit, "profile"))
            continue
        reach = stderr * float(student.ppf((1 + confidence) / 2, max(result.nfree, 1)))
        found.append(Parameter(name, value, value - reach, value + reach, stderr, unit, "standard error"))
    return found


def _aicc(squares: float, points: int, parameters: int) -> float:
    k = parameters + 1  # the variance is one too
    if points - k - 1 <= 0:
        return math.inf
    return points * math.log(max(squares / points, 1e-30)) + 2 * k + 2 * k * (k + 1) / (points - k - 1)


def _knee(law: Law, size: float, values: list[float]) -> float:
    try:
        return float(law.knee(size, *values))
    except (ValueError, ZeroDivisionError):
        return math.nan


def _refusal(fit: Fit, found: dict[str, Fit]) -> str:
    """Why a fit is not identified by its points, "" if it is."""
    law, seen = LAWS[fit.law], fit.residuals
    beyond_base = "overhead" in law.beats
    needed = LEVELS_NEEDED if beyond_base else len(law.units) + LEVELS_SPARE
    if (counted := seen["level"].nunique()) < needed:
        return f"{counted} levels of {fit.factor}, {needed} needed"
    for rival in (found[name] for name in law.beats):
        if fit.law == "amdahl" and indistinguishable(fit, rival):
            return (
                "the same curve as `overhead` at one file size: an overhead and a serial part of the work "
                "cannot be told apart; measure a second file size"
            )
        if not fit.aicc < rival.aicc:
            return f"no better than `{rival.law}` (AICc {fit.aicc:.1f} against {rival.aicc:.1f})"
    for one in fit.parameters:
        if not one.stderr <= STDERR_MOST * abs(one.value):
            part = one.stderr / abs(one.value) if one.value else math.inf
            return f"{one.name} = {one.value:.3g} has a standard error of {part * 100:.0f} % of it"
        if one.value <= 0:
            return f"{one.name} = {one.value:.3g} is negative, which the law does not allow"
        if not one.low > 0:
            return f"{one.name} = {one.value:.3g} is not told from 0 ({one.low:.2g} to {one.high:.2g})"
    if beyond_base and not seen["level"].min() < fit.knee < seen["level"].max():
        where = f"at N = {fit.knee:.3g}" if math.isfinite(fit.knee) else "nowhere"
        return f"its knee is {where}, outside the measured {seen['level'].min():g} to {seen['level'].max():g}"
    return ""


def _beaten(fit: Fit, judged: dict[str, Fit]) -> str:
    """Why a richer law takes this one's place, or at least its credit; "" if none does."""
    for rival in judged.values():
        if fit.law in LAWS[rival.law].beats and rival.accepted:
            return f"`{rival.law}` describes it better (AICc {rival.aicc:.1f} against {fit.aicc:.1f})"
        if fit.law == "constant" and "w" in LAWS[rival.law].units and rival.spread < fit.spread:
            work = rival["w"]
            if work.low > 0:  # too few levels to accept that law are no reason to believe in none
                between = f"{work.value:.3g}, {work.low:.2g} to {work.high:.2g}"
                return f"`{rival.law}` finds an effect (w = {between}), though the levels do not identify it"
    return ""
