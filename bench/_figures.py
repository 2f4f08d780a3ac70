"""What the benchmarks' reports have in common: percentiles, tables, the shape of the CPU figures."""

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from bench._system import PROGRAMS

from ringwall.cli.output import format_table, print_line


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` of all values do not exceed (nearest rank); nan when there are none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def in_ms(seconds: Sequence[float]) -> dict[str, float | None]:
    """Return p50 and p99 in milliseconds; None where there is nothing to measure."""
    pair = {"p50": percentile(seconds, 0.5), "p99": percentile(seconds, 0.99)}
    return {name: None if math.isnan(value) else round(value * 1000, 2) for name, value in pair.items()}


def cpu_ms(before: Mapping[str, float], after: Mapping[str, float], count: int) -> dict[str, float | None]:
    """Return milliseconds of CPU for each of `count` events, by program and in total."""
    if not count:
        return dict.fromkeys((*PROGRAMS, "total"))
    used = {name: (after[name] - before[name]) * 1000 / count for name in PROGRAMS}
    used["total"] = sum(used.values())
    return {name: round(value, 3) for name, value in used.items()}


def arguments(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser with what every benchmark takes."""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def show(
    result: Mapping[str, Any], columns: Sequence[str], rows: Sequence[Sequence[object]], note: str
) -> None:
    """Print a table with a note below."""
    cells = [["-" if cell is None else str(cell) for cell in row] for row in rows]
    print_line(f"{result['what']}\n\n{format_table(columns, cells)}\n\n{note}")


def dump(result: Mapping[str, Any]) -> None:
    """Print the one JSON object."""
    print_line(json.dumps(result))
