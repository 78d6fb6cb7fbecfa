"""The file to edit: what is done with each datapoint.

`process` gets one line of the data file and returns anything JSON can hold (at most
300 KB). Whatever it raises is retried, and after the last try the datapoint is dead;
raise `PermanentError` where another try cannot help. What stands at module level runs
once per Lambda environment, in its cold start: load models and open connections there.
Packages beyond the standard library and boto3 are named in a requirements.txt beside it.

    lambdist try data/words.txt -n 5      runs it here, before anything is deployed
"""

from lambdist_lib.protocol.contract import PermanentError  # noqa: F401  for your own use


def process(data: str) -> object:
    return f"{data}_processed"
