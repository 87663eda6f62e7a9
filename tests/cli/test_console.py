"""What commands say while they work."""

from rich.progress import Progress

from trailhouse.cli.console import SECONDS_BETWEEN_LINES, ProgressLines, SpeedColumn, progress_bars
from trailhouse.support.progress import report_progress


def test_a_log_gets_a_line_about_long_work_now_and_then_and_none_about_short_work(capfd):
    seconds = 0.0
    lines = ProgressLines(lambda: seconds)
    for done in range(61):
        lines.advance("Training neox-small", done, 60, f"loss {done}")
        lines.advance(f"short {done}", 1, 1)
        seconds += SECONDS_BETWEEN_LINES / 20
    said = capfd.readouterr().err.splitlines()
    assert said == [
        "Training neox-small: 20 of 60 (1.3 per second, 0:00:30 left), loss 20",
        "Training neox-small: 40 of 60 (1.3 per second, 0:00:15 left), loss 40",
        "Training neox-small: 60 of 60, loss 60",
    ]


def test_the_speed_counts_what_is_done_since_the_first_report(capfd):
    seconds = 0.0
    lines = ProgressLines(lambda: seconds)
    for done in (1000, 1300, 700, 850):
        lines.advance("Tokens", done, 2000)
        seconds += SECONDS_BETWEEN_LINES
    assert capfd.readouterr().err.splitlines() == [
        "Tokens: 1300 of 2000 (20 per second, 0:00:35 left)",
        "Tokens: 700 of 2000",
        "Tokens: 850 of 2000 (10 per second, 0:01:55 left)",
    ]


def test_a_bar_shows_the_speed():
    progress = Progress(get_time=iter(range(100)).__next__)
    progress.add_task("Tokens", total=1000)
    (task,) = progress.tasks
    assert SpeedColumn().render(task).plain == ""
    for done in (50, 100):
        progress.update(task.id, completed=done)
    assert SpeedColumn().render(task).plain == "50/s"


def test_without_a_terminal_quick_work_says_nothing(capfd):
    with progress_bars():
        for done in range(100):
            report_progress("Scoring", done, 100)
    assert capfd.readouterr() == ("", "")
