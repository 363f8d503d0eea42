"""How often two kinds of limits of MCC at a prevalence hold the truth, summed over every outcome of a set.

    python -m benchmarks.mcc_coverage     prints; ten seconds on one core

One case for each patient, so true and false positives are binomial and no random number is drawn. The limits that are
published join those of both rates (`rates.mcc_at`). Beside them: Fisher's z with the variance from the influence of
cases, class totals fixed, and Student's t with min(m, n) − 1 degrees, as `confusion.matthews` has for the set.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Final

from scipy.special import stdtrit
from scipy.stats import binom

from arena.scoring.estimates import TAIL, Interval
from arena.scoring.proportions import wilson_interval
from arena.scoring.rates import Rates, mcc_at

SIZES: Final = ((30, 100), (50, 200), (100, 100), (30, 370))
SERVICES: Final = ((0.7, 0.01), (0.9, 0.02), (0.95, 0.1), (0.6, 0.3), (0.99, 0.005))
PREVALENCES: Final = (Fraction(1, 4), Fraction(1, 20), Fraction(1, 200))
NEGLIGIBLE: Final = 1e-5


@dataclass(slots=True)
class Tally:
    """Shares of sets: with limits, whose limits lie wholly above the truth (too high), and wholly below it."""

    given: float = 0.0
    too_high: float = 0.0
    too_low: float = 0.0

    def add(self, weight: float, limits: Interval | None, truth: float) -> None:
        """Count an outcome by its probability."""
        if limits is not None:
            self.given += weight
            self.too_high += weight * (truth < limits.low)
            self.too_low += weight * (truth > limits.high)

    @property
    def held(self) -> float:
        """Share of the sets with limits whose limits hold the truth."""
        return 1 - (self.too_high + self.too_low) / self.given


def matthews(sensitivity: float, rate: float, prevalence: float) -> float:
    """Return MCC of a population."""
    called = prevalence * sensitivity + (1 - prevalence) * rate
    return math.sqrt(prevalence * (1 - prevalence)) * (sensitivity - rate) / math.sqrt(called * (1 - called))


def fisher_limits(rates: Rates, prevalence: float) -> Interval | None:
    """Return MCC ± t · SE on Fisher's scale, carried back; None where nothing varies."""
    m, n = rates.positives, rates.cases - rates.positives
    sensitivity, rate = float(rates.true_positive), float(rates.false_positive)
    called = prevalence * sensitivity + (1 - prevalence) * rate
    spread, value = called * (1 - called), matthews(sensitivity, rate, prevalence)
    root, drift = (
        math.sqrt(prevalence * (1 - prevalence) / spread),
        (sensitivity - rate) * (1 - 2 * called) / 2 / spread,
    )
    by_true, by_false = root * (1 - drift * prevalence), root * (1 + drift * (1 - prevalence))
    error = math.hypot(
        by_true * math.sqrt(sensitivity * (1 - sensitivity) / (m - 1)),
        by_false * math.sqrt(rate * (1 - rate) / (n - 1)),
    )
    if error == 0 or abs(value) == 1:
        return None
    half = float(stdtrit(min(m, n) - 1, 1 - TAIL)) * error / (1 - value * value)
    return Interval(math.tanh(math.atanh(value) - half), math.tanh(math.atanh(value) + half))


def _rates(size: tuple[int, int], called: tuple[int, ...]) -> Rates:
    true, false = (Fraction(k, cases) for k, cases in zip(called, size, strict=True))
    of_true, of_false = (wilson_interval(float(r), cases) for r, cases in zip((true, false), size, strict=True))
    return Rates(true, false, of_true, of_false, correlation=0.0, cases=sum(size), positives=size[0])


def measure(size: tuple[int, int], service: tuple[float, float], prevalence: Fraction) -> tuple[Tally, Tally]:
    """Return what joined limits and Fisher's do in sets of a size, outcomes under 1 in 100,000 left out.

    Args:
        size: Positives and negatives.
        service: True sensitivity and false positive rate.
        prevalence: π.
    """
    truth, joined, fisher = matthews(*service, float(prevalence)), Tally(), Tally()
    chances = [binom.pmf(range(cases + 1), cases, rate) for cases, rate in zip(size, service, strict=True)]
    for called in product(*(range(cases + 1) for cases in size)):
        weight = float(chances[0][called[0]] * chances[1][called[1]])
        if weight < NEGLIGIBLE:
            continue
        rates = _rates(size, called)
        found = mcc_at(rates, prevalence)
        if found is not None:
            joined.add(weight, found[1], truth)
            fisher.add(weight, fisher_limits(rates, float(prevalence)), truth)
    return joined, fisher


def main() -> None:
    """Print a table, in per cent."""
    print("positives negatives    Se   FPR       π   MCC      joined: held  too high  too low      Fisher: held")
    for size, service, prevalence in product(SIZES, SERVICES, PREVALENCES):
        joined, fisher = measure(size, service, prevalence)
        print(
            f"{size[0]:9d} {size[1]:9d}  {service[0]:.2f}  {service[1]:.3f}  {float(prevalence):.3f}"
            f"  {matthews(*service, float(prevalence)):.2f}  {100 * joined.held:16.1f}"
            f"  {100 * joined.too_high / joined.given:8.1f}  {100 * joined.too_low / joined.given:7.1f}"
            f"  {100 * fisher.held:9.1f} in {100 * fisher.given / joined.given:3.0f} % with limits",
            flush=True,
        )


if __name__ == "__main__":
    main()
