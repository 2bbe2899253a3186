"""The Cycles view in words: how long the cycles last, what the cursor stands on, what the signs mean, who pays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quri_console.monitor.payers import PayerView, fleet_burn_per_day
from quri_console.render.ages import short_age
from quri_console.render.burn import burn_sentences
from quri_console.render.cycles_ahead import FAR, FAR_SECONDS
from quri_console.render.cycles_events import event_words, signs_of
from quri_console.render.cycles_plot import CyclesPlot, column_balances, column_burns
from quri_console.render.cycles_window import Window, column_text
from quri_console.render.escape import escape
from quri_console.render.runway_words import runway_sentence
from quri_console.render.spans import Line, Span
from quri_console.render.table import cycles_text, health_role
from quri_console.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from quri_console.monitor.burn_report import CanisterBurn
    from quri_console.monitor.chart_data import CyclesChart
    from quri_console.monitor.fleet import FleetStatus

NAME_CELLS = 40
_SHARE_CELLS = 12


def heading_lines(
    charts: Sequence[CyclesChart],
    fleet: FleetStatus,
    burns: Mapping[str, CanisterBurn],
    range_label: str,
    now_ns: int,
) -> tuple[Line, ...]:
    """What stands above a chart: whose it is, over which time, and the sentence of the first."""
    if not charts:
        return ((Span("No canister is chosen.", "muted"),),)
    lead, view = charts[0], fleet.canister(charts[0].canister_id)
    names = ", ".join(_numbered(number, chart, len(charts)) for number, chart in enumerate(charts))
    head = (Span(names, "title"), Span(f"  {range_label}  ", "muted"))
    if view is None:
        return (head,)
    of = f"{escape(lead.name, limit=NAME_CELLS)}: " if len(charts) > 1 else ""
    role = "stale" if view.stale else health_role(view.health.level)
    return ((*head, Span(f"{of}{runway_sentence(view, burns.get(lead.canister_id), now_ns)}.", role)),)


def _numbered(number: int, chart: CyclesChart, count: int) -> str:
    name = escape(chart.name, limit=NAME_CELLS)
    return name if count == 1 else f"{number + 1} {name}"


def cursor_lines(picture: CyclesPlot, column: int) -> tuple[Line, ...]:
    """What is known of one column: balances, burn, events; of one in the future what is expected."""
    window = picture.window
    moment = Span(column_text(window, column), "title")
    if column >= window.past:
        return ((moment, *_expected(picture, column)),)
    several = len(picture.charts) > 1
    seen = [
        _seen(chart, window, column, f"  {number + 1} " if several else "  ", short=several)
        for number, chart in enumerate(picture.charts)
    ]
    return ((moment, *seen, *_burn_at(picture, column), *_events_at(picture, column)),)


def _seen(chart: CyclesChart, window: Window, column: int, label: str, *, short: bool) -> Span:
    """The balance in a column; where nobody looked just then, the one before, with its time, unless it is a gap."""
    balance = column_balances(chart, window).get(column)
    if balance is not None:
        text, low, high = (cycles_text(amount) for amount in (balance.cycles, balance.lowest, balance.highest))
        return Span(f"{label}{text}" + (f" ({low} to {high})" if low != high and not short else ""))
    start_ns = window.start_ns(column)
    earlier = [known for known in chart.balances if 0 <= start_ns - known.at_ns <= chart.gap_ns]
    if not earlier:
        return Span(f"{label}no sample", "muted")
    when = column_text(window, window.column(earlier[-1].at_ns))
    return Span(f"{label}{cycles_text(earlier[-1].cycles)}" + ("" if short else f" seen {when}"))


def _burn_at(picture: CyclesPlot, column: int) -> Iterator[Span]:
    burn = column_burns(picture.charts[0], picture.window)[column]
    if burn is not None:
        yield Span(f"  burn ≈ {cycles_text(round(burn))}/day", "spark")


def _events_at(picture: CyclesPlot, column: int) -> Iterator[Span]:
    for event in picture.charts[0].events:
        if picture.window.column(event.at_ns) == column:
            yield Span(f"  {event_words(event)}", "delta-changed")


def _expected(picture: CyclesPlot, column: int) -> Iterator[Span]:
    at_ns = picture.window.start_ns(column) + picture.window.column_ns // 2
    for number, chart in enumerate(picture.charts):
        ahead = picture.ahead.get(chart.canister_id)
        label = f"  {number + 1} " if len(picture.charts) > 1 else "  "
        if ahead is None:
            yield Span(f"{label}no forecast", "muted")
            continue
        band = ahead.band(at_ns)
        between = f" ({cycles_text(band[0])} to {cycles_text(band[1])})" if band is not None else ""
        yield Span(f"{label}expected ≈ {cycles_text(ahead.balance(ahead.expected, at_ns))}{between}")


def legend_lines(picture: CyclesPlot) -> tuple[Line, ...]:
    """What lines and letters mean; a limit that lies outside is told, too."""
    scale, spans = picture.scale, []
    for limit in picture.limits:
        glyph = limit.ascii_glyph if picture.ascii_only else limit.glyph
        where = "" if scale.holds(limit.cycles) else " (above)" if limit.cycles > scale.high else " (below)"
        spans.append(Span(f"{glyph * 2} {limit.words} {cycles_text(limit.cycles)}{where}  ", limit.role))
    if picture.banded:
        spans.append(Span(f"{'%' if picture.ascii_only else '░'} forecast interval  ", "muted"))
    spans += [Span(f"{sign.letter} {sign.words}  ", sign.role) for sign in signs_of(picture.charts[0].events)]
    return (tuple(spans),)


def more_lines(
    charts: Iterable[CyclesChart],
    fleet: FleetStatus,
    burns: Mapping[str, CanisterBurn],
    now_ns: int,
    *,
    ascii_only: bool = False,
) -> tuple[Line, ...]:
    """All that a chart cannot say: how sure it is, what the burn is for, what is unusual, the fleet and its payers."""
    lines: list[Line] = []
    for chart in charts:
        burn = burns.get(chart.canister_id)
        if burn is not None:
            lines.append((Span(escape(burn.name, limit=NAME_CELLS), "title"),))
            lines += _burn_lines(burn, ascii_only)
    lines.append((Span("fleet", "title"),))
    lines += [(span,) for span in _fleet_spans(fleet)]
    lines += [_payer_line(payer, now_ns) for payer in fleet.payers]
    return tuple(lines)


def _burn_lines(burn: CanisterBurn, ascii_only: bool) -> Iterator[Line]:
    for sentence in burn_sentences(burn):
        unusual = sentence.startswith("unusual")
        yield (Span(f"• {sentence}", "status-warning" if unusual else ""),)
    for cause in burn.causes.causes if burn.causes is not None else ():
        full = "#" if ascii_only else "█"
        share = (full * round(cause.share * _SHARE_CELLS)).ljust(_SHARE_CELLS)
        yield (Span(f"  {share}", "spark"), Span(f" {cause.share:>4.0%} {cause.words}"))


def _fleet_spans(fleet: FleetStatus) -> Iterator[Span]:
    burn = fleet_burn_per_day(fleet.canisters)
    yield Span("• burn not known yet" if burn is None else f"• burns ≈ {cycles_text(round(burn))}/day together")
    lasting = [view for view in fleet.canisters if view.runway_seconds is not None]
    if lasting:
        first = min(lasting, key=lambda view: view.runway_seconds or 0.0)
        left = first.runway_seconds or 0.0
        when = "now" if left <= 0 else FAR if left > FAR_SECONDS else f"in ≈ {format_duration(left)}"
        yield Span(
            f"• first to freeze: {escape(first.name, limit=NAME_CELLS)}, {when}", health_role(first.health.level)
        )
    if not fleet.payers:
        yield Span("• no payer is configured ([monitor.payers.NAME])", "muted")


def _payer_line(payer: PayerView, now_ns: int) -> Line:
    name = escape(payer.name, limit=NAME_CELLS)
    if payer.cycles is None:
        why = f": {escape(payer.error, limit=200)}" if payer.error else ""
        return (Span(f"• payer {name}: balance not known{why}", "status-unknown"),)
    lasts = payer.runway_seconds
    long = (
        ""
        if lasts is None
        else f", pays the fleet {'for 100 years' if lasts > FAR_SECONDS else f'for ≈ {format_duration(lasts)}'}"
    )
    stale = f" (seen {short_age(payer.at_ns, now_ns)} ago; {escape(payer.error, limit=200)})" if payer.error else ""
    return (Span(f"• payer {name}: {cycles_text(payer.cycles)}{long}{stale}", health_role(payer.health.level)),)
