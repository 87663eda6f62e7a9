"""This program runs a Python module, and is killed when another process has ended, however that process ended.

It is run as ``python -m ...tied_program PROCESS MODULE ARGUMENTS...``; PROCESS is the text of ``identify_process``.
"""

from __future__ import annotations

import runpy
import sys

from trailhouse.support.processes import end_with_process


def main() -> None:
    """Run the module, whose arguments are those after its name."""
    _, process, module, *arguments = sys.argv
    end_with_process(process)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
