"""Run a whole experiment on the local cloud: python examples/ten_lines.py [FILE]"""

import sys

from lambdist_lib import Experiment

data = sys.argv[1] if len(sys.argv) > 1 else "data/words.txt"
with Experiment(data=data, chunks=8, work="io:20ms", retry_delay_s=0) as experiment:
    experiment.deploy()
    experiment.run_pairs(2)
    print(experiment.ledger()[["arm", "submitted", "stored", "dead"]])
    print(experiment.results.finding())
