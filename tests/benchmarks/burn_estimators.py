"""How wrong the estimators are on simulated canisters whose burn is known, and how long they take.

Usage: python -m tests.benchmarks.burn_estimators [RUNS]. Scenarios: steady, weekly (weekends burn half), drift (+2.4 %
a day) and a step to three times the burn three days before now. Every run has a season of the day, days that differ
from each other, noise from hour to hour, lost samples and top-ups. The estimators are those of the facts sheet that
our choice was made by, then ours; an error is that of the estimate against the mean burn of the scenario now.
"""

from __future__ import annotations

import math
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from quri_console.monitor.anomaly import find_anomaly, hourly_rates
from quri_console.monitor.burn import estimate_burn
from quri_console.monitor.forecast import Forecast, forecast_runway
from quri_console.monitor.windows import (
    DAY_NS,
    HOUR_NS,
    Segment,
    Timeline,
    segments_of_both,
    segments_of_series,
)

BASE_PER_DAY = 10**12
# deviations of the logarithm, from day to day and from hour to hour
DAY_NOISE, HOUR_NOISE = 0.16, 0.15
# three times the burn is far out of the ordinary only where days are alike
QUIET_DAY_NOISE = 0.08
# a Monday at midnight
EPOCH_NS = 20_000 * DAY_NS - 3 * DAY_NS
SCENARIOS = ("steady", "weekly", "drift", "step")
Series = Sequence[tuple[int, int]]
Estimator = Callable[[Series, int], float | None]


@dataclass(frozen=True, slots=True)
class Life:
    """One simulated canister up to now, and the truth about it."""

    series: tuple[tuple[int, int], ...]
    now_ns: int
    per_day_now: float
    future: tuple[float, ...]
    """The burn of each of the days after now, in cycles per day."""


def live(
    scenario: str,
    seed: int,
    *,
    days: int = 14,
    samples_per_hour: int = 1,
    future_days: int = 0,
    burst_hours: int = 0,
    day_noise: float = DAY_NOISE,
) -> Life:
    """The life of one canister; the same seed is the same life."""
    chance = random.Random(f"{scenario} {seed}")
    # now falls on any hour of any weekday
    first_hour = chance.randrange(168)
    hours = days * 24
    balance = round(chance.uniform(10, 13) * BASE_PER_DAY)
    series = [(EPOCH_NS + first_hour * HOUR_NS, balance)]
    future = [0.0] * future_days
    day_factor = 1.0
    for step in range(hours + future_days * 24):
        hour = first_hour + step
        if step % 24 == 0:
            day_factor = chance.lognormvariate(-(day_noise**2) / 2, day_noise)
        per_hour = BASE_PER_DAY / 24 * level(scenario, hours - step) * season(scenario, hour) * day_factor
        if 0 < hours - step <= burst_hours:
            per_hour *= 3
        for part in range(samples_per_hour):
            burnt = round(per_hour / samples_per_hour * chance.lognormvariate(-(HOUR_NOISE**2) / 2, HOUR_NOISE))
            if step >= hours:
                future[(step - hours) // 24] += burnt
                continue
            balance -= burnt
            if balance < 10 * BASE_PER_DAY and chance.random() < 0.05 / samples_per_hour:
                balance += 3 * BASE_PER_DAY
            if chance.random() > 0.05:
                jitter = chance.uniform(0, 0.02)
                at_ns = EPOCH_NS + round((hour + (part + 1 - jitter) / samples_per_hour) * HOUR_NS)
                series.append((at_ns, balance))
    now_ns = EPOCH_NS + (first_hour + hours) * HOUR_NS
    return Life(tuple(series), now_ns, BASE_PER_DAY * level(scenario, 0), tuple(future))


def level(scenario: str, hours_before_now: int) -> float:
    """The mean burn of that moment in multiples of the base."""
    if scenario == "drift":
        return math.exp(-0.024 * hours_before_now / 24)
    if scenario == "step":
        return 1.0 if hours_before_now > 72 else 3.0
    return 1.0


def season(scenario: str, hour: int) -> float:
    """Day and night, and with `weekly` the weekend; its mean is 1."""
    daily = 1 + 0.3 * math.sin(hour % 24 / 24 * math.tau)
    if scenario != "weekly":
        return daily
    return daily * (7 / 12 if hour // 24 % 7 >= 5 else 7 / 6)


# --- the estimators of the facts sheet ---


def last_two_points(series: Series, now_ns: int) -> float | None:
    (from_ns, before), (to_ns, after) = series[-2:]
    return (before - after) * DAY_NS / (to_ns - from_ns)


def least_squares(series: Series, now_ns: int) -> float | None:
    points = [((at - now_ns) / DAY_NS, float(cycles)) for at, cycles in series]
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return -sum((x - mean_x) * (y - mean_y) for x, y in points) / spread


def least_squares_since_top_up(series: Series, now_ns: int) -> float | None:
    since = segments_without_top_up(series)[-1]
    return least_squares(since, now_ns) if len(since) >= 24 else None


def theil_sen(series: Series, now_ns: int) -> float | None:
    return -median(slopes(series[::3]))


def theil_sen_in_segments(series: Series, now_ns: int) -> float | None:
    return -median([slope for part in segments_without_top_up(series) for slope in slopes(part[::3])])


def median_of_rates(series: Series, now_ns: int) -> float | None:
    rates = sorted(interval_rates(series))
    half, seen = sum(time_ns for _, time_ns in rates) / 2, 0
    for rate, time_ns in rates:
        seen += time_ns
        if seen >= half:
            return rate
    return None


def moving_average(series: Series, now_ns: int) -> float | None:
    value = None
    for rate, time_ns in interval_rates(series):
        weight = 1 - math.exp(-time_ns / (3 * DAY_NS))
        value = rate if value is None else value + weight * (rate - value)
    return value


def slopes(points: Series) -> list[float]:
    return [
        (later - cycles) * DAY_NS / (to_ns - at_ns)
        for index, (at_ns, cycles) in enumerate(points)
        for to_ns, later in points[index + 1 :]
    ]


def segments_without_top_up(series: Series) -> list[Series]:
    parts = [[series[0]]]
    for before, after in pairwise(series):
        if after[1] > before[1]:
            parts.append([])
        parts[-1].append(after)
    return [tuple(part) for part in parts]


def interval_rates(series: Series) -> Iterator[tuple[float, int]]:
    for (from_ns, before), (to_ns, after) in pairwise(series):
        if after <= before:
            yield (before - after) * DAY_NS / (to_ns - from_ns), to_ns - from_ns


# --- ours ---


def expected(series: Series, now_ns: int) -> float | None:
    burn = estimate_burn(segments_of_series(series), now_ns=now_ns)
    return burn.expected_per_day if burn else None


def alert(series: Series, now_ns: int) -> float | None:
    burn = estimate_burn(segments_of_series(series), now_ns=now_ns)
    return burn.alert_per_day if burn else None


def short_window(series: Series, now_ns: int) -> float | None:
    burn = estimate_burn(segments_of_series(series), now_ns=now_ns)
    return burn.windows[0].per_day if burn else None


ESTIMATORS: dict[str, Estimator] = {
    "last two points": last_two_points,
    "least squares, top-ups ignored": least_squares,
    "Theil–Sen, top-ups ignored": theil_sen,
    "least squares since the last top-up": least_squares_since_top_up,
    "Theil–Sen within segments": theil_sen_in_segments,
    "time-weighted median of rates": median_of_rates,
    "moving average, 3 d": moving_average,
    "ours: 1.5 d window": short_window,
    "ours: expected burn (14 d)": expected,
    "ours: alert burn (max of windows)": alert,
}


@dataclass(frozen=True, slots=True)
class Errors:
    """Relative errors of one estimator over many lives."""

    errors: tuple[float, ...]
    runs: int

    @property
    def middle(self) -> float:
        """The median error with its sign."""
        return median(self.errors)

    @property
    def typical(self) -> float:
        """The median error without its sign."""
        return median(abs(error) for error in self.errors)

    @property
    def far_below(self) -> float:
        """The share of runs that under-estimate by more than 20 %."""
        return sum(error < -0.2 for error in self.errors) / self.runs


def errors_of(estimator: Estimator, lives: Sequence[Life]) -> Errors:
    """The errors of an estimator; runs without an answer have none."""
    answers = [(estimator(life.series, life.now_ns), life) for life in lives]
    errors = tuple(answer / life.per_day_now - 1 for answer, life in answers if answer is not None)
    return Errors(errors, len(lives))


@dataclass(frozen=True, slots=True)
class Coverage:
    """How often the interval of the forecast held what happened, and how often it says that it did."""

    shown: int
    inside: int
    claimed: float


def coverage(scenario: str, runs: int, days: int) -> Coverage:
    """Forecasts after so many days, against the week (or less, as each says) that follows."""
    shown = inside = 0
    claimed: list[float] = []
    for seed in range(runs):
        life = live(scenario, seed, days=days, future_days=7)
        above = 100 * BASE_PER_DAY
        forecast = forecast_runway(segments_of_series(life.series), now_ns=life.now_ns, cycles=above, freezing_limit=0)
        if not isinstance(forecast, Forecast) or forecast.high_seconds is None:
            continue
        horizon_days = forecast.horizon_seconds // 86_400
        runway = above / (sum(life.future[:horizon_days]) / horizon_days) * 86_400
        shown += 1
        inside += forecast.low_seconds <= runway <= forecast.high_seconds
        claimed.append(forecast.inside / forecast.backtests)
    return Coverage(shown, inside, sum(claimed) / len(claimed) if claimed else 0.0)


@dataclass(frozen=True, slots=True)
class Alarms:
    """Shares of runs in which six hours of three times the burn are found, and false alarms per week."""

    found: float
    false_per_week: float


def alarms(scenario: str, runs: int, days: int) -> Alarms:
    """The anomaly rule as it is used, at every hour of the last week and of a burst."""
    found = false = 0
    for seed in range(runs):
        calm = segments_of_series(live(scenario, seed, days=days, day_noise=QUIET_DAY_NOISE).series)
        false += _alarms(calm, 168)
        burst = segments_of_series(live(scenario, seed, days=days, burst_hours=6, day_noise=QUIET_DAY_NOISE).series)
        found += _alarms(burst, 6) > 0
    return Alarms(found / runs, false / runs)


def _alarms(segments: Sequence[Segment], hours: int) -> int:
    """How many times an alarm begins when every hour is judged at its end."""
    newest = max(hourly_rates(segments))
    began, before = 0, False
    for hour in range(newest - hours + 1, newest + 1):
        known = [segment for segment in segments if segment.end_ns // HOUR_NS <= hour]
        now = find_anomaly(known, now_ns=(hour + 1) * HOUR_NS - 1) is not None
        began += now and not before
        before = now
    return began


@dataclass(frozen=True, slots=True)
class Bucket:
    """An hour, as the rollups of the history have it."""

    start_ns: int
    first_ns: int
    last_ns: int
    burnt: int
    burn_ns: int
    top_ups: int
    top_up_cycles: int


def roll_up(series: Series) -> tuple[Bucket, ...]:
    """Hourly buckets of a series; an interval counts in the hour in which it ends."""
    hours: dict[int, list[int]] = {}
    for at_ns, _ in sorted(series):
        hours.setdefault(at_ns - at_ns % HOUR_NS, []).append(at_ns)
    buckets = []
    intervals = segments_of_series(series)
    by_hour: dict[int, list[Segment]] = {}
    for segment in intervals:
        by_hour.setdefault(segment.end_ns - segment.end_ns % HOUR_NS, []).append(segment)
    for start_ns, times in hours.items():
        inside = by_hour.get(start_ns, [])
        buckets.append(
            Bucket(
                start_ns,
                times[0],
                times[-1],
                sum(segment.burnt for segment in inside),
                sum(segment.elapsed_ns for segment in inside),
                sum(segment.top_up_cycles > 0 for segment in inside),
                sum(segment.top_up_cycles for segment in inside),
            )
        )
    return tuple(buckets)


def main(runs: int) -> None:
    print(f"burn, 14 d of hourly samples, {runs} runs: median error, median absolute error, runs below by over 20 %")
    lives = {scenario: [live(scenario, seed) for seed in range(runs)] for scenario in SCENARIOS}
    print(f"{'':38}" + "".join(f"{scenario:>24}" for scenario in SCENARIOS))
    for name, estimator in ESTIMATORS.items():
        cells = []
        for scenario in SCENARIOS:
            errors = errors_of(estimator, lives[scenario])
            cells.append(f"{errors.middle:+9.1%} {errors.typical:6.1%} {errors.far_below:6.1%}")
        print(f"{name:38}" + "".join(f"{cell:>24}" for cell in cells))
    print("\nforecast interval: really inside, of those shown (nominal 80 %), and what they say of themselves")
    for days in (14, 16, 21, 30, 60):
        cells = []
        for scenario in SCENARIOS:
            told = coverage(scenario, runs // 2, days)
            cells.append(f"{told.inside / max(told.shown, 1):.0%} of {told.shown}, says {told.claimed:.0%}")
        print(f"{days:3} d {'':32}" + "".join(f"{cell:>24}" for cell in cells))
    print("\nanomaly, six hours of three times the burn: found, false alarms per week")
    for days in (20, 30, 60):
        cells = []
        for scenario in SCENARIOS[:3]:
            rung = alarms(scenario, max(runs // 20, 5), days)
            cells.append(f"{rung.found:.0%}, {rung.false_per_week:.2f}")
        print(f"{days:3} d {'':32}" + "".join(f"{cell:>24}" for cell in cells))
    speed()


def speed() -> None:
    """What judging one canister costs: hourly buckets of 14 d and the minute samples of the hour."""
    life = live("weekly", 1, samples_per_hour=60)
    last_hour = life.now_ns - HOUR_NS
    buckets = [bucket for bucket in roll_up(life.series) if bucket.start_ns < last_hour]
    raw = [point for point in life.series if point[0] >= last_hour - HOUR_NS // 30]
    long = segments_of_series(live("weekly", 1, days=60).series)
    segments = segments_of_both(buckets, raw)

    def burn() -> None:
        estimate_burn(segments_of_both(buckets, raw), now_ns=life.now_ns, idle_burn_per_day=1)

    def everything() -> None:
        joined = segments_of_both(buckets, raw)
        timeline = Timeline(joined)
        estimate_burn(timeline, now_ns=life.now_ns, idle_burn_per_day=1)
        forecast_runway(timeline, now_ns=life.now_ns, cycles=10**14, freezing_limit=0)
        find_anomaly(joined, now_ns=life.now_ns)

    print(f"\nspeed, {len(buckets)} buckets and {len(raw)} samples, {len(segments)} segments:")
    print(f"to burn {milliseconds(burn):.2f}, to burn, forecast and anomaly {milliseconds(everything):.2f} ms")
    for name, past in (("14 d", segments), ("60 d", long)):
        print(f"{name}: " + _timings(past))
    series = life.series
    print(f"{len(series)} raw samples to burn {milliseconds(lambda: expected(series, life.now_ns), 3):.1f} ms")


def _timings(past: Sequence[Segment]) -> str:
    now_ns = past[-1].end_ns
    timeline = milliseconds(lambda: Timeline(past))
    forecast = milliseconds(lambda: forecast_runway(past, now_ns=now_ns, cycles=10**14, freezing_limit=0))
    anomaly = milliseconds(lambda: find_anomaly(past, now_ns=now_ns))
    return f"timeline {timeline:.2f}, forecast {forecast:.2f}, anomaly {anomaly:.2f} ms"


def milliseconds(call: Callable[[], object], times: int = 50) -> float:
    """The shortest duration of a call: whatever else runs only makes it longer."""
    durations = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        durations.append(time.perf_counter() - started)
    return min(durations) * 1000


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
