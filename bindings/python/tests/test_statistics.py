"""server.stats."""

import json
import logging
import weakref

import pytest
from conftest import all_gone, hello, wait_for
from prometheus_client.parser import text_string_to_metric_families

from wsgiserver import CherryPyWSGIServer

NAMES = [
    "Enabled", "Bind Address", "Run time", "Accepts", "Accepts/sec", "Queue", "Threads",
    "Threads Idle", "Socket Errors", "Requests", "Bytes Read", "Bytes Written", "Work Time",
    "Read Throughput", "Write Throughput", "Worker Threads",
]
OF_WORKERS = [
    "Requests", "Bytes Read", "Bytes Written", "Work Time", "Read Throughput", "Write Throughput",
]


def shown(stats):
    return {name: value(stats) if callable(value) else value for name, value in stats.items()}


def test_the_names_are_the_seeds(served):
    server = served(hello)
    assert list(server.stats) == NAMES
    figures = shown(server.stats)
    assert figures["Enabled"] is False and figures["Requests"] == -1 and figures["Run time"] == -1
    assert figures["Threads"] == 4 and str(server.bind_addr[1]) in figures["Bind Address"]
    assert logging.statistics[f"CherryPy HTTPServer {id(server)}"] is server.stats
    for worker in figures["Worker Threads"].values():
        assert list(worker) == OF_WORKERS


def test_what_is_counted(served, client):
    server = served(hello)
    server.stats["Enabled"] = True
    connection = client(server)
    for _ in range(3):
        connection.get()
    wait_for(lambda: shown(server.stats)["Requests"] == 3)
    figures = shown(server.stats)
    assert figures["Accepts"] == 1 and figures["Socket Errors"] == 0
    assert figures["Bytes Read"] > 60 and figures["Bytes Written"] > 300
    assert figures["Work Time"] > 0 and figures["Run time"] > 0
    assert figures["Read Throughput"] > 0 and figures["Accepts/sec"] > 0
    workers = [shown(worker) for worker in figures["Worker Threads"].values()]
    assert sum(worker["Requests"] for worker in workers) == 3
    server.stop()
    assert shown(server.stats)["Requests"] == 3
    server.prepare()
    client(server).get()
    wait_for(lambda: shown(server.stats)["Requests"] == 4)
    server.clear_stats()
    assert shown(server.stats)["Requests"] == 0


def test_other_forms_say_the_same(served, client):
    server = served(hello)
    server.stats["Enabled"] = True
    connection = client(server)
    for _ in range(3):
        connection.get()
    # The last of what is counted, a moment after the answer has come.
    wait_for(lambda: json.loads(server.stats.json())["write"]["count"] == 3)
    told = json.loads(server.stats.json())
    assert told["application"]["count"] == 3 and told["application"]["p99"] > 0
    families = {
        family.name: family for family in text_string_to_metric_families(server.stats.prometheus())
    }
    (requests,) = families["wsgiserver_requests"].samples
    assert (requests.name, requests.value) == ("wsgiserver_requests_total", 3)
    assert all(family.documentation for family in families.values())
    for name in ("queue_wait", "application", "write"):
        family = families[f"wsgiserver_{name}_seconds"]
        assert family.type == "histogram"
        last = [sample for sample in family.samples if sample.labels.get("le") == "+Inf"]
        assert [sample.value for sample in last] == [3]
    server.stop()
    with pytest.raises(RuntimeError, match="does not run"):
        server.stats.json()


def test_a_hostile_address_is_a_label_like_any_other(served, tmp_path):
    path = f'{tmp_path}/a"b\\c'
    server = served(hello, address=path)
    (info,) = (
        family
        for family in text_string_to_metric_families(server.stats.prometheus())
        if family.name == "wsgiserver_info"
    )
    address = json.loads(server.stats.json())["bind_addr"]
    assert address.endswith(path)
    assert info.samples[0].labels["bind_addr"] == address


def test_they_do_not_keep_a_server(served):
    def has_served():
        server = CherryPyWSGIServer(("127.0.0.1", 0), hello)
        server.prepare()
        server.stop()
        return f"CherryPy HTTPServer {id(server)}", weakref.ref(server)

    key, gone = has_served()
    assert gone() is None or key in logging.statistics
    wait_for(lambda: all_gone(gone))
    assert key not in logging.statistics


def test_a_thread_that_has_left_is_not_listed(served):
    server = served(hello, numthreads=1)
    server.requests.grow(1)
    wait_for(lambda: len(server.stats["Worker Threads"]) == 2)
    server.requests.shrink(1)
    wait_for(lambda: len(server.stats["Worker Threads"]) == 1)
