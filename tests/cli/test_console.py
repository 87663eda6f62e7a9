"""What commands say while they work."""

from trailhouse.cli.console import SECONDS_BETWEEN_LINES, ProgressLines, progress_bars
from trailhouse.support.progress import report_progress


def test_a_log_gets_a_line_about_long_work_now_and_then_and_none_about_short_work(capfd):
    seconds = 0.0
    lines = ProgressLines(lambda: seconds)
    for done in range(61):
        lines.advance("Training neox-small", done, 60, f"loss {done}")
        lines.advance(f"short {done}", 1, 1)
        seconds += SECONDS_BETWEEN_LINES / 20
    said = capfd.readouterr().err.splitlines()
    assert said == [f"Training neox-small: {done} of 60, loss {done}" for done in (20, 40, 60)]


def test_without_a_terminal_quick_work_says_nothing(capfd):
    with progress_bars():
        for done in range(100):
            report_progress("Scoring", done, 100)
    assert capfd.readouterr() == ("", "")
