"""Edit this file: `process()` handles one datapoint.

`process` receives one line of the data file and returns any value that JSON can hold (at
most 300 KB). Any exception triggers a retry; after the last one the datapoint is dead.
Raise `PermanentError` to skip the retries. Code at module level runs once per Lambda
environment, in its cold start: load models and open connections there. Name packages
beyond the standard library and boto3 in a requirements.txt beside this file.

    lambdist try data/words.txt -n 5      runs it on this machine
"""

from lambdist_lib import PermanentError  # noqa: F401  for your own use


def process(data: str) -> object:
    return f"{data}_processed"
