"""The picture of a run.

``report.view(result)`` in a notebook, ``taxi-pipeline report RUN_DIR`` on the command line. What is drawn, and how, is
in `components.lib.report`, which knows no runs, because the steps `tfma_analyze` and `compare` draw too.
"""

from components.commands.report.make import view, write

__all__ = ["view", "write"]
