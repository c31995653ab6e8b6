"""Celery's side of the queue: a task that does nothing, and its client.

Run with the number of tasks; prints tasks a second and the median milliseconds until the result
of one task is there, each on a line. REDIS names broker and result backend.
"""

import os
import statistics
import sys
import time

from celery import Celery
from celery.result import ResultSet

app = Celery("celery_peer", broker=os.environ["REDIS"], backend=os.environ["REDIS"])
app.conf.update(broker_connection_retry_on_startup=True, worker_hijack_root_logger=False)


@app.task(name="noop")
def noop():
    return None


def throughput(count):
    """Tasks a second, from the first that is queued to the last result that is there.

    One thread queues: the connection on which results are told cannot be shared by several.
    """
    begun = time.perf_counter()
    results = ResultSet([noop.delay() for _ in range(count)])
    results.join_native(timeout=120)
    return count / (time.perf_counter() - begun)


def latency(count):
    """Median milliseconds from queuing one task to its result, one after the other."""
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        noop.delay().get(timeout=30)
        times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1e3


if __name__ == "__main__":
    noop.delay().get(timeout=60)
    print(throughput(int(sys.argv[1])))
    print(latency(max(int(sys.argv[1]) // 10, 10)))
