"""Print what a project and some of its extras require: ``python requirements.py pyproject.toml EXTRA …``.

The image installs this first, so that a change in our code does not install it anew.
"""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["project"]
print(*project["dependencies"], sep="\n")
for extra in sys.argv[2:]:
    print(*project["optional-dependencies"][extra], sep="\n")
