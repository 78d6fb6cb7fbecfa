"""Fit laws to the makespan as a function of one factor, and choose among them.

A point is one level of the factor at one file size: the median over its repetitions (`sweep`). The laws
are those of `scaling_laws`. Two laws may be the same curve; then no fit separates them.

Fits are least squares of log T over the points (`lmfit`), without bounds: a parameter that has no effect
then comes out near zero with its true uncertainty, and not at a bound without any. AICc counts the
variance (Hurvich & Tsai 1989): at seven points a third parameter costs 14 units, which hides a falling
throughput. So an F test decides on a law beyond `overhead` (`lack_of_fit`).
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
from lambdist_lib.measures import lack_of_fit
from lambdist_lib.measures.profile_intervals import profile_ends
from lambdist_lib.measures.scaling_laws import LAWS, OF_FACTOR, SHARED_OUT, Law

LEVELS_NEEDED = 6  # for a law beyond `overhead`, on both sides of the knee (Gunther 2007)
LEVELS_SPARE = 3  # for other laws, beyond their parameters: AICc is not defined with fewer
MAX_STDERR = 0.5  # relative to the parameter's value
SAME_CURVE = 1e-4  # difference of AICc below which two laws are one curve
TINY_S = 1e-12  # during the search a law may be negative, where it has no logarithm


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter with its interval: `how` is `profile`, or `standard error` where the profile is open."""

    name: str
    value: float
    low: float
    high: float
    stderr: float
    unit: str
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """One law fitted to one sweep; `refusal` is the reason why it is not accepted, or "".

    spread: standard deviation of the residuals, about the relative error of a point.
    knee: the level where the law's two ends meet, of `usl` and `linear` the fastest; for the largest file.
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
        """Whether there is no reason to refuse the fit."""
        return not self.refusal

    def __getitem__(self, name: str) -> Parameter:
        return next(parameter for parameter in self.parameters if parameter.name == name)


def fits(points: pd.DataFrame, *, confidence: float = 0.95) -> dict[str, Fit]:
    """Fit every law that applies to the factor; refused ones have their reason.

    Args:
        points: What `sweep.by_level` returns.

    Raises:
        RunError: There are fewer than three points.
    """
    if len(points) < 3:
        raise RunError(
            f"{len(points)} levels do not make a sweep: measure at least {LEVELS_NEEDED}, "
            "from below the knee to beyond it"
        )
    factor = points["factor"].iloc[0]
    names = ("constant", *OF_FACTOR.get(factor, SHARED_OUT))
    fitted = {name: _fit(name, points, confidence) for name in names}
    judged = {name: replace(fit, refusal=_refusal(fit, fitted)) for name, fit in fitted.items()}
    return {name: replace(fit, refusal=fit.refusal or _beaten(fit, judged)) for name, fit in judged.items()}


def best_fit(fits: dict[str, Fit]) -> Fit | None:
    """Return the accepted law with the smallest AICc, the first of equal ones; None if all were rejected."""
    accepted = [fit for fit in fits.values() if fit.accepted]
    return min(accepted, key=lambda fit: round(fit.aicc / SAME_CURVE), default=None)


def indistinguishable(fit: Fit, other: Fit) -> bool:
    """Return whether two laws are one curve at these file sizes."""
    return abs(fit.aicc - other.aicc) < SAME_CURVE


def table(fits: dict[str, Fit]) -> pd.DataFrame:
    """Return the fits as a table, one row per law and parameter.

    Columns: `law`, `formula`, `parameter`, `value`, `low`, `high`, `unit`, `how`, `aicc`, `spread` and
    `verdict`: `accepted`, or the reason of the refusal.
    """
    rows = [
        {
            "law": fit.law,
            "formula": LAWS[fit.law].formula,
            "parameter": parameter.name,
            **{name: getattr(parameter, name) for name in ("value", "low", "high", "unit", "how")},
            "aicc": fit.aicc,
            "spread": fit.spread,
            "verdict": fit.refusal or "accepted",
        }
        for fit in fits.values()
        for parameter in fit.parameters
    ]
    return pd.DataFrame(rows)


def predict(fit: Fit, levels: Any, *, submitted: int | None = None) -> pd.DataFrame:
    """Predict the makespan at levels of the factor, for a number of datapoints.

    Args:
        submitted: Datapoints; None for the largest file that was measured.

    Returns:
        `level`, `submitted`, `makespan_s` with `low_s` and `high_s` (of the curve, not of a single
        run), and `extrapolated`: beyond the levels or the file sizes that were measured.

    Raises:
        RunError: The fit is not accepted.
    """
    if not fit.accepted:
        raise RunError(f"{fit.law} cannot predict, its fit is refused: {fit.refusal}")
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
        warnings.simplefilter("ignore")  # the refusal reports a failed search
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
        knee=_knee(law, s.max(), [parameter.value for parameter in parameters]),
        confidence=confidence,
        residuals=points.assign(fitted_s=np.exp(result.best_fit), residual=np.log(t) - result.best_fit),
        result=result,
    )


def _parameters(result: Any, units: dict[str, str], confidence: float) -> list[Parameter]:
    from scipy.special import stdtrit

    def residuals(values: np.ndarray) -> np.ndarray:
        log_s = result.model.func(**result.userkws, **dict(zip(units, values, strict=True)))
        weighted: np.ndarray = (log_s - result.data) * result.weights
        return weighted

    values = [float(result.params[name].value) for name in units]
    errors = [float(result.params[name].stderr or math.nan) for name in units]
    ends = profile_ends(residuals, values, errors, confidence=confidence)
    t = float(stdtrit(max(result.nfree, 1), (1 + confidence) / 2))
    return [
        Parameter(name, value, *(profile or (value - error * t, value + error * t)), error, unit,
                  "profile" if profile else "standard error")
        for (name, unit), value, error, profile in zip(units.items(), values, errors, ends, strict=True)
    ]  # fmt: skip


def _aicc(squares: float, points: int, parameters: int) -> float:
    k = parameters + 1  # the variance is one too
    if points - k - 1 <= 0:
        return math.inf
    return points * math.log(max(squares / points, 1e-30)) + 2 * k + 2 * k * (k + 1) / (points - k - 1)


def _is_tested(fit: Fit, rival: Fit) -> bool:
    """Return whether an F test decides: a law beyond `overhead`, with more parameters than its rival."""
    return "overhead" in LAWS[fit.law].beats and len(fit.parameters) > len(rival.parameters)


def _improvement_p(fit: Fit, rival: Fit) -> float:
    """Return the p-value of what a fit's further parameters explain."""
    more, free = len(fit.parameters) - len(rival.parameters), len(fit.residuals) - len(fit.parameters)
    error = lack_of_fit.repetition_error(fit.residuals)
    squares, rival_squares = fit.result.chisqr, rival.result.chisqr
    return lack_of_fit.improvement_p(squares, rival_squares, more=more, free=free, repetition_error=error)


def _knee(law: Law, size: float, values: list[float]) -> float:
    try:
        return float(law.knee(size, *values))
    except (ValueError, ZeroDivisionError):
        return math.nan


def _refusal(fit: Fit, fitted: dict[str, Fit]) -> str:
    """Return why the points do not identify a fit, "" if they do."""
    law, seen = LAWS[fit.law], fit.residuals
    beyond_base = "overhead" in law.beats
    needed = LEVELS_NEEDED if beyond_base else len(law.units) + LEVELS_SPARE
    if (counted := seen["level"].nunique()) < needed:
        return f"{counted} levels of {fit.factor}, {needed} needed"
    for rival in (fitted[name] for name in law.beats):
        if fit.law == "amdahl" and indistinguishable(fit, rival):
            return (
                "the same curve as `overhead` at one file size, which cannot separate an overhead from a "
                "serial part of the work: measure a second file size"
            )
        if _is_tested(fit, rival):
            if (p := _improvement_p(fit, rival)) > lack_of_fit.ALPHA:
                return f"no better than `{rival.law}` (F test, p = {p:.2g})"
        elif not fit.aicc < rival.aicc:
            return f"no better than `{rival.law}` (AICc {fit.aicc:.1f} against {rival.aicc:.1f})"
    for parameter in fit.parameters:
        name, value = parameter.name, parameter.value
        if not parameter.stderr <= MAX_STDERR * abs(value):
            part = parameter.stderr / abs(value) if value else math.inf
            return f"{name} = {value:.3g} has a standard error of {part * 100:.0f} % of it"
        if value <= 0:
            return f"{name} = {value:.3g} is negative, which the law does not allow"
        if not parameter.low > 0:
            return (
                f"{name} = {value:.3g} does not differ from 0 ({parameter.low:.2g} to {parameter.high:.2g})"
            )
    if beyond_base and not seen["level"].min() < fit.knee < seen["level"].max():
        where = f"at N = {fit.knee:.3g}" if math.isfinite(fit.knee) else "nowhere"
        return f"its knee is {where}, outside the measured {seen['level'].min():g} to {seen['level'].max():g}"
    return ""


def _beaten(fit: Fit, judged: dict[str, Fit]) -> str:
    """Return why a richer law is preferred to this one, "" if none is."""
    for rival in judged.values():
        if fit.law in LAWS[rival.law].beats and rival.accepted:
            by = f"AICc {rival.aicc:.1f} against {fit.aicc:.1f}"
            by = f"F test, p = {_improvement_p(rival, fit):.2g}" if _is_tested(rival, fit) else by
            return f"`{rival.law}` describes it better ({by})"
        if fit.law == "constant" and "w" in LAWS[rival.law].units and rival.spread < fit.spread:
            work = rival["w"]
            if work.low > 0:  # an effect is shown even where too few levels refuse that law
                between = f"{work.value:.3g}, {work.low:.2g} to {work.high:.2g}"
                return f"`{rival.law}` finds an effect (w = {between}), though the levels do not identify it"
    return ""
