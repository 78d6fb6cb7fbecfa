"""Print what a finished experiment found: python examples/read_results.py [EXPERIMENT]"""

import sys

from lambdist_lib import load_results, measures

results = load_results(sys.argv[1] if len(sys.argv) > 1 else "reference")
speedup = measures.compare_arms(results.runs)
print(results.finding())
print(f"{speedup.ratio:.3g} times, from {speedup.low:.3g} to {speedup.high:.3g}, n = {speedup.pairs}")
print(results.runs.groupby("arm")[["submitted", "stored", "dead"]].sum())
