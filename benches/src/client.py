"""A thousand calls of the real client to each server, one by one or in the background; seconds of each.

Calls one by one go to the servers by turns, a few each: what else the machine does meets them alike.
"""

import sys
import time

from mlflow import MlflowClient, flush_async_logging
from mlflow.tracking import set_tracking_uri

TURN = 50


def call(client, run, steps, synchronous):
    for step in steps:
        client.log_metric(run, "loss", 1 / (step + 1), step=step, synchronous=synchronous)


in_background, calls = sys.argv[1] == "background", int(sys.argv[2])
servers = list(zip(sys.argv[3::2], sys.argv[4::2]))
clients = [MlflowClient(address) for address, _ in servers]
taken = [0.0] * len(servers)
for client, (_, run) in zip(clients, servers):
    client.log_metric(run, "warm", 0.0)
turn = calls if in_background else TURN
for first in range(0, calls, turn):
    for place, (client, (address, run)) in enumerate(zip(clients, servers)):
        # Whose queue is flushed.
        set_tracking_uri(address)
        begun = time.perf_counter()
        call(client, run, range(first, min(first + turn, calls)), not in_background)
        if in_background:
            flush_async_logging()
        taken[place] += time.perf_counter() - begun
print(*taken)
