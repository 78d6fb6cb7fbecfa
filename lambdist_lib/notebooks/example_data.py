"""Put the example pages where the example job fetches them."""

from lambdist_lib import paths
from lambdist_lib.experiment import Experiment

BUCKET = "lambdist-pages"  # as data/pages.txt names it


def upload_pages(experiment: Experiment) -> str:
    """Upload data/pages/*.html to the local cloud's S3, if the experiment's data names them.

    On AWS nothing is uploaded: create the bucket yourself, and pass a policy that allows
    `s3:GetObject` on it.

    Returns:
        A sentence on what was done.
    """
    if not any(line.data.startswith(f"s3://{BUCKET}/") for line in experiment.points):
        return "The job's data needs no example pages."
    if experiment.target.name != "local":
        return f"On AWS the pages have to be in the bucket {BUCKET} already."
    s3 = experiment.target.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    pages = sorted((paths.data() / "pages").glob("*.html"))
    for page in pages:
        s3.upload_file(str(page), BUCKET, page.name)
    return f"{len(pages)} pages are in the local cloud's bucket {BUCKET}."
