"""ThreadPool and WorkerThread."""

import threading
import time

import pytest
from conftest import Client, Logged, hello, wait_for

from wsgiserver import ThreadPool, WorkerThread


def names(server):
    return {thread.name for thread in server.requests._threads}


def test_threads_are_pythons(served):
    server = served(hello, numthreads=3)
    threads = [thread for thread in threading.enumerate() if isinstance(thread, WorkerThread)]
    mine = [thread for thread in threads if thread.server is server]
    assert len(mine) == 3 and all(thread.name.startswith("CP Server ") for thread in mine)
    wait_for(lambda: all(thread.ready for thread in mine))
    wait_for(lambda: server.requests.idle == 3)
    assert server.requests.qsize == 0 and all(thread.conn is None for thread in mine)
    server.stop()
    assert not any(thread.is_alive() for thread in mine)
    assert (server.requests.idle, server.requests.qsize) == (0, 0)


def test_grow_and_shrink(served):
    server = served(hello, numthreads=2, max=5)
    server.requests.grow(10)
    assert len(names(server)) == 5
    server.requests.shrink(2)
    wait_for(lambda: len(names(server)) == 3)
    server.requests.shrink(10)
    wait_for(lambda: len(names(server)) == 2)


def test_put_none_sends_one_away(served):
    server = served(hello, numthreads=1)
    server.requests.grow(1)
    server.requests.put(None)
    wait_for(lambda: len(names(server)) == 1)
    with pytest.raises(TypeError):
        server.requests.put(object())
    with pytest.raises(NotImplementedError):
        server.requests.get()


def test_a_pool_with_a_max_grows_with_the_load(served):
    go_on = threading.Event()

    def app(environ, start_response):
        assert go_on.wait(10)
        return hello(environ, start_response)

    server = served(app, numthreads=1, max=4)
    clients = [Client(server.bind_addr).send(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n") for _ in range(6)]
    wait_for(lambda: len(names(server)) == 4)
    wait_for(lambda: server.requests.qsize == 2)
    go_on.set()
    for one in clients:
        assert one.answer().body == b"hello"
        one.close()


def test_a_pool_without_one_stays(served):
    go_on = threading.Event()

    def app(environ, start_response):
        assert go_on.wait(10)
        return hello(environ, start_response)

    server = served(app, numthreads=1)
    clients = [Client(server.bind_addr).send(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n") for _ in range(3)]
    wait_for(lambda: server.requests.qsize == 2)
    assert len(names(server)) == 1
    go_on.set()
    for one in clients:
        one.answer()
        one.close()


def test_a_thread_beyond_min_leaves_when_it_has_waited(served, monkeypatch):
    monkeypatch.setattr("wsgiserver.threadpool.IDLE", 0.05)
    server = served(hello, numthreads=1, max=3)
    server.requests.grow(2)
    wait_for(lambda: len(names(server)) == 1)


def test_a_full_queue_is_503(served):
    entered, go_on = threading.Event(), threading.Event()

    def app(environ, start_response):
        entered.set()
        assert go_on.wait(10)
        return hello(environ, start_response)

    server = served(app, numthreads=1, accepted_queue_size=1, accepted_queue_timeout=0.05)
    clients = []
    for _ in range(3):
        clients.append(Client(server.bind_addr).send(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n"))
        # The first is in the application before the second takes the only place in the queue.
        wait_for(lambda: entered.is_set() and (server.requests.qsize == 1 or len(clients) == 1))
    codes = [clients[-1].answer().code]
    go_on.set()
    codes += [one.answer().code for one in clients[:-1]]
    for one in clients:
        one.close()
    assert codes == [503, 200, 200]


@pytest.mark.parametrize(
    "named, kind, text",
    [
        ({"min": 0}, ValueError, "min=0 must be > 0"),
        ({"min": 5, "max": 4}, ValueError, "max=4 must be > min=5"),
        ({"max": "many"}, TypeError, "Expected an integer or the infinity value"),
        ({"max": 0}, TypeError, "the infinity value for the `max` argument but got 0"),
    ],
)
def test_bounds_that_are_none(named, kind, text):
    with pytest.raises(kind, match=text):
        ThreadPool(None, **named)


@pytest.mark.parametrize("value", [float("inf"), -1, -2])
def test_infinity_and_negative_numbers_are_no_max(value):
    pool = ThreadPool(None, max=value)
    assert pool.max == -1 and not pool.grows_by_itself


def test_it_is_started_once(served):
    server = served(hello)
    with pytest.raises(RuntimeError, match="only be started once"):
        server.requests.start()


def test_stop_gives_those_that_are_stuck(served):
    entered, go_on = threading.Event(), threading.Event()

    def app(environ, start_response):
        entered.set()
        go_on.wait(30)
        return hello(environ, start_response)

    server = served(app, numthreads=2, shutdown_timeout=0.1)
    with Client(server.bind_addr) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
        assert entered.wait(10)
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 3
    assert server.log_text().count("CP Server") == 1
    go_on.set()


def test_thread_locals_live_as_long_as_the_thread(served, client):
    local = threading.local()

    def app(environ, start_response):
        local.count = getattr(local, "count", 0) + 1
        start_response("200 OK", [])
        return [str(local.count).encode()]

    connection = client(served(app, numthreads=1))
    assert [connection.get().body for _ in range(3)] == [b"1", b"2", b"3"]


def test_a_worker_class_of_ones_own_sees_begin_and_end(served, client, monkeypatch):
    seen = []

    class Mine(WorkerThread):
        def run(self):
            seen.append("begin")
            super().run()
            seen.append("end")

    monkeypatch.setattr("wsgiserver.threadpool.WorkerThread", Mine)
    server = Logged(("127.0.0.1", 0), hello, numthreads=1)
    served(server=server)
    assert client(server).get().body == b"hello"
    server.stop()
    assert seen == ["begin", "end"]
