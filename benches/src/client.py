"""A thousand calls of the real client, one by one and in the background; seconds of each."""

import sys
import time

from mlflow import MlflowClient, flush_async_logging
from mlflow.tracking import set_tracking_uri

address, run, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])
set_tracking_uri(address)
client = MlflowClient()
client.log_metric(run, "warm", 0.0)
for synchronous in (True, False):
    begun = time.perf_counter()
    for step in range(calls):
        client.log_metric(run, "loss", 1 / (step + 1), step=step, synchronous=synchronous)
    if not synchronous:
        flush_async_logging()
    print(time.perf_counter() - begun)
