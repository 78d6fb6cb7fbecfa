"""Predict a larger job on AWS: python examples/plan_ahead.py [DATAPOINTS]"""

import sys

from lambdist_lib import plan

count = float(sys.argv[1]) if len(sys.argv) > 1 else 1e6
print("processors   hours     USD  bottleneck")
for processors in (10, 100, 1000):
    settings = {"queue_batch": 10, "maximum_concurrency": processors}
    job = plan(count=count, settings=settings, chunks=100, request_batch=10, work="io:100ms")
    hours = job["makespan_s"]["value"] / 3600
    print(f"{processors:10}{hours:8.2f}{job['cost']['usd']:8.2f}  {job['binding']['limit']}")
