"""An experiment in ten lines, on the local cloud: python examples/ten_lines.py [FILE]"""

import sys

from lambdist_lib import experiment

data = sys.argv[1] if len(sys.argv) > 1 else "data/words.txt"
with experiment.start(data=data, chunks=8, work="io:20ms", retry_delay_s=0) as work:
    work.deploy()
    work.run_pairs(2)
    print(work.ledger()[["arm", "submitted", "stored", "dead"]])
    print(work.finding())
