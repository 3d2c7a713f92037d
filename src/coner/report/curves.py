"""Learning curves of runs as a picture: losses, macro F1 on dev and the weight of the coarse loss by epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

from coner.core.errors import OutputError, requires_extra
from coner.core.files import atomic_write, destination
from coner.records.sections import Epoch
from coner.report.run_paths import read_runs, report_left_out

FORMATS = ("svg", "png", "pdf")
# Okabe and Ito's colours, distinct for every kind of colour vision; markers differ too, for print without colour.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
PANELS: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (  # axis; field of an epoch, its name, line style
    ("training loss", (("loss", "fine", "-"), ("coarse_loss", "coarse", "--"))),
    ("macro F1 on dev", (("dev_macro_f1", "", "-"),)),
    ("weight of the coarse loss", (("weight", "", "-"),)),
)


def draw_runs(places: Sequence[Path], path: Path) -> list[str]:
    """Draw the histories of run folders or record files; errors as in ``write_figure``.

    Those without epochs are left out, and reported on stderr; ``DataError`` if none is left. Returns the names of the
    runs that are drawn.
    """
    records, _, left_out = read_runs(places)
    histories = {run: record.history for run, record in records.items() if record.history}
    left_out += [(run, f"it has no epochs (kind {each.kind})") for run, each in records.items() if not each.history]
    report_left_out(left_out, len(places), "epochs; expected a trained encoder")
    write_curves(histories, path)
    return list(histories)


def write_curves(histories: Mapping[str, Sequence[Epoch]], path: Path) -> None:
    """Draw the histories of runs, by the name of the run; errors as in ``write_figure``."""
    write_figure(lambda: draw(histories), path, what="a picture of the training")


def write_figure(make: Callable[[], Any], path: Path, *, what: str) -> None:
    """Write the matplotlib ``Figure`` that ``make`` draws, atomically; equal figures give equal bytes.

    The suffix is the format: svg, png or pdf; ``what`` is the picture, for messages.

    Raises:
        MissingExtra: matplotlib is not installed.
        OutputError: the file cannot be written, or has another suffix.
    """
    suffix = check_figure(path, what=what)
    import matplotlib as mpl

    # Without date and random ids, equal runs give equal bytes; dollar signs in a label are not a formula.
    with mpl.rc_context({"svg.hashsalt": "coner", "text.parse_math": False}), atomic_write(path, "wb") as handle:
        metadata = {"CreationDate" if suffix == "pdf" else "Date": None} if suffix != "png" else None
        make().savefig(handle, format=suffix, dpi=150, metadata=metadata)


def check_figure(path: Path, *, what: str) -> str:
    """The format of a picture that is to be written later; errors as in ``write_figure``."""
    suffix = path.suffix.removeprefix(".").lower()
    if suffix not in FORMATS:
        raise OutputError(f"{path}: got suffix {path.suffix!r}; expected .{', .'.join(FORMATS)}")
    destination(path)
    with requires_extra(what, "plots"):
        import matplotlib  # noqa: F401
    return suffix


def style_axis(axis: Any) -> None:
    """Draw grid lines behind the data, and no frame above and to the right."""
    axis.grid(visible=True, color="#dddddd", linewidth=0.6)
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_axisbelow(True)


def draw(histories: Mapping[str, Sequence[Epoch]]) -> Any:
    """Draw a matplotlib ``Figure``: a panel each for loss, macro F1 and weight over the same epochs."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(8, 8.5), layout="constrained")
    axes = figure.subplots(len(PANELS), 1, sharex=True, height_ratios=(4, 4, 3))
    # Where lines coincide, as equal weights do, the larger marks of earlier runs stay visible.
    sizes = [5 + 2 * behind for behind in reversed(range(len(histories)))]
    styles = list(zip(histories.items(), cycle(COLOURS), cycle(MARKERS), sizes))
    for axis, (title, lines) in zip(axes, PANELS, strict=True):
        for (_, history), colour, marker, size in styles:
            for key, _, style in lines:
                points = [(epoch.epoch, value) for epoch in history if (value := getattr(epoch, key)) is not None]
                if points:
                    axis.plot(*zip(*points, strict=True), style, color=colour, marker=marker, markersize=size, gid=key)
        axis.set_ylabel(title)
        style_axis(axis)
        if len(lines) > 1:
            keys = [Line2D([], [], color="#444444", ls=style, label=name) for _, name, style in lines]
            axis.legend(handles=keys, loc="upper right", frameon=False)
    axes[-1].set(ylim=(-0.05, 1.05), xlabel="epoch")
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    runs = [Line2D([], [], color=colour, marker=marker, label=name) for (name, _), colour, marker, _ in styles]
    figure.legend(handles=runs, loc="outside upper center", ncols=min(4, len(runs)), frameon=False)
    return figure
