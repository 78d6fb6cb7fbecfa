"""What a larger job would take on AWS (predicted): python examples/plan_ahead.py [DATAPOINTS]"""

import sys

from lambdist_lib.planner import plan as planner_plan

count = float(sys.argv[1]) if len(sys.argv) > 1 else 1e6
print("processors   hours     USD  bound by")
for most in (10, 100, 1000):
    settings = {"queue_batch": 10, "maximum_concurrency": most}
    plan = planner_plan.plan(count=count, settings=settings, chunks=100, request_batch=10, work="io:100ms")
    hours = plan["makespan_s"]["value"] / 3600
    print(f"{most:10}{hours:8.2f}{plan['cost']['usd']:8.2f}  {plan['binding']['limit']}")
