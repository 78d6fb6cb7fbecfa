"""What a finished experiment found, from its folder alone: python examples/read_results.py [EXPERIMENT]"""

import json
import sys

from lambdist_lib import paths
from lambdist_lib.measures import summary

folder = paths.results() / (sys.argv[1] if len(sys.argv) > 1 else "reference")
found = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
measures = summary.flat(found)
print(found["finding"])
for name in ("speedup", "speedup_low", "speedup_high", "dead_rate"):
    print(f"{name:14}{measures[name]:8.3g}")
