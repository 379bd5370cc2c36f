"""The tests of the lowering share pipelines and an interpreter, which lie beside them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
