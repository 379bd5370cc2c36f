"""Check the windows of two train steps before anything is read for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from components.example_generation.describe.empty_windows import plan_checks
from components.example_generation.plan import PlannedQuery, plan_check, plan_read
from components.example_generation.query.windows import Window, parse_window
from components.example_generation.request import ReadParameters
from pipeline_tools.errors import InputError

EVAL_SHARE = 0.5
"""How much of the first window, counted from its end, is the eval window if none is given."""


@dataclass(frozen=True)
class PlannedWindows:
    """Windows that can be read.

    Attributes:
        eval_ts1: When the eval window begins, ISO 8601 in UTC.
        eval_ts2: When it is over.
        disjoint: Why no eval row is a train row of either window.
        queries: What BigQuery was asked to find empty windows; nothing for files, whose rows are counted.
    """

    eval_ts1: str
    eval_ts2: str
    disjoint: str
    queries: list[PlannedQuery]


def plan_windows(
    parameters: ReadParameters, windows: Sequence[tuple[str, str]], *, dry_run: bool = False
) -> PlannedWindows:
    """Check that both train windows and the eval window hold rows, and that no eval row is a train row.

    Args:
        parameters: Of the reads. Its ``eval_ts1`` and ``eval_ts2`` give the eval window; if both are empty, it is the
            most recent half of the first train window. Its ``ts1`` and ``ts2`` are not used.
        windows: The begin and end of each train window, the first one first.
        dry_run: Leave out what is billed: BigQuery is asked what its queries would scan, and counts no rows.

    Returns:
        The eval window, and why no eval row is a train row.

    Raises:
        InputError: A window cannot be parsed, ends before it begins or holds no row, or nothing shows the eval rows
            to be apart from the train rows.
    """
    named = [parse_window(begin, end, (f"ts1_{at}", f"ts2_{at}")) for at, (begin, end) in enumerate(windows, start=1)]
    evaluated = parse_window(parameters.eval_ts1, parameters.eval_ts2, ("eval_ts1", "eval_ts2"))
    if evaluated.open:
        evaluated = _recent_part(named[0])
    begin, end = (time.isoformat() if time else "" for time in (evaluated.begin, evaluated.end))
    reasons, sources = [], []
    for ts1, ts2 in windows:
        plan = plan_read(replace(parameters, ts1=ts1, ts2=ts2, eval_ts1=begin, eval_ts2=end))
        if plan.disjoint is None:
            raise InputError(
                f"nothing shows that no eval row of {evaluated} is a train row of [{ts1}, {ts2}): "
                f"input_handle_train={parameters.input_handle_train} and input_handle_eval="
                f"{parameters.input_handle_eval} differ. Give the same handle for both (rows are then split by a hash "
                "of their key), or windows that do not overlap"
            )
        reasons.append(plan.disjoint)
        sources += plan.sources
    checks = plan_checks(sources)
    queries = [plan_check(check) for check in checks]
    if not dry_run:
        for check in checks:
            check.run()
    return PlannedWindows(begin, end, "; ".join(dict.fromkeys(reasons)), queries)


def _recent_part(window: Window) -> Window:
    if window.begin is None or window.end is None:
        raise InputError(
            "ts1_1, ts2_1: without both ends of the first window its most recent part is unknown; give both, or the "
            "eval window as eval_ts1 and eval_ts2"
        )
    return Window(window.end - EVAL_SHARE * (window.end - window.begin), window.end)
