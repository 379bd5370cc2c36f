"""Check the subject of a commit message: `python .ci/hooks/commit_subject.py .git/COMMIT_EDITMSG`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

LONGEST = 72
_SUBJECT = re.compile(r"[\w./-]+(, [\w./-]+)*: \S.*[^.]|(Merge|Revert|fixup!|squash!) .*")


def problem(subject: str) -> str:
    """Say what is wrong with a subject; empty if nothing is.

    Args:
        subject: The first line of a commit message.

    Returns:
        A sentence for the author.
    """
    if len(subject) > LONGEST:
        return f"the subject has {len(subject)} characters; {LONGEST} at most. Say why in the body"
    if not _SUBJECT.fullmatch(subject):
        return (
            f"{subject!r}: write `area: imperative`, without a period, for example `compiler: refuse large workflows`"
        )
    return ""


if __name__ == "__main__":
    sys.exit(problem(Path(sys.argv[1]).read_text(encoding="utf-8").partition("\n")[0]) or None)
