"""Sockets that a service manager, or a parent, hands over; and what the manager is told."""

import os
import socket
import subprocess
import tempfile

from served import PATIENCE, Server, connect, get, listener


def test_sockets_of_a_manager_are_taken_where_nothing_else_is_wanted(program, folder):
    path = f"{folder}/activated"
    given = [listener(), listener(socket.AF_INET6, ("::1", 0)), listener(socket.AF_UNIX, path)]
    with Server(program, "--bind", "", sockets=given, pid="own", LISTEN_FDS="3") as server:
        where = [server.listening() for _ in given]
        assert where[0] == "127.0.0.1:%d" % given[0].getsockname()[1], where
        assert where[1] == "[::1]:%d" % given[1].getsockname()[1] and where[2] == f"unix:{path}", where
        for one in where:
            get(one)
    assert os.path.exists(path), "it is the manager's"
    for one in given:
        one.close()
    with listener() as given, Server(program, sockets=[given], pid="own", LISTEN_FDS="1") as server:
        assert server.listening() != "127.0.0.1:%d" % given.getsockname()[1], "an address was given"


def test_sockets_have_names(program, folder):
    del folder
    with listener() as web, listener() as other:
        names = {"LISTEN_FDS": "2", "LISTEN_FDNAMES": "web:other"}
        arguments = ["--bind", "", "--socket-activation", "other"]
        with Server(program, *arguments, sockets=[web, other], pid="own", **names) as server:
            assert server.listening().endswith(":%d" % other.getsockname()[1])
        arguments[-1] = "all"
        with Server(program, "--socket-activation", "all", sockets=[web, other], pid="own", **names) as server:
            assert len({server.listening() for _ in range(3)}) == 3, "beside what was given"
        arguments[-1] = "third"
        refused = Server(program, *arguments, sockets=[web, other], pid="own", **names).refusal()
        assert "no socket of the name \"third\" was handed over" in refused, refused


def test_what_is_not_for_this_process_is_ignored(program, folder):
    del folder
    with listener() as given:
        for pid, options in (("1", []), ("", []), ("x", []), ("own", ["--socket-activation", "off"])):
            refused = Server(program, "--bind", "", *options, sockets=[given], pid=pid, LISTEN_FDS="1").refusal()
            assert "there is nothing to listen on" in refused, refused
        refused = Server(program, "--socket-activation", "all", sockets=[given], pid="1", LISTEN_FDS="1").refusal()
        assert "no sockets were handed over" in refused, refused


def test_what_is_wrong_with_what_was_handed_over_is_said(program, folder):
    del folder
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent = socket.socket()
    with listener() as given, datagrams, silent, tempfile.TemporaryFile() as file:
        for sockets, count, why in (
                ([given], "2", "LISTEN_FDS is 2, but the descriptor 4 was not handed over"),
                ([given], "-1", "LISTEN_FDS is \"-1\""),
                ([given, datagrams], "2", "descriptor 4: it is a datagram socket"),
                ([silent], "1", "descriptor 3: it does not listen"),
                ([file], "1", "descriptor 3: it is not a socket")):
            refused = Server(program, "--bind", "", sockets=sockets, pid="own", LISTEN_FDS=count).refusal()
            assert why in refused, refused


def test_a_descriptor_is_an_address(program, folder):
    with listener() as given, listener(socket.AF_UNIX, f"{folder}/parent") as other:
        arguments = ["--bind", "fd:3", "--bind", "127.0.0.1:0", "--bind", f"unix:{folder}/own", "--bind", "fd:4"]
        with Server(program, *arguments, sockets=[given, other]) as server:
            where = [server.listening() for _ in range(4)]
            assert where[0].endswith(":%d" % given.getsockname()[1]) and where[3] == f"unix:{folder}/parent"
            for one in where:
                get(one)
        assert os.path.exists(f"{folder}/parent") and not os.path.exists(f"{folder}/own")
        with tempfile.TemporaryFile() as file:
            for sockets, address, why in (
                    ([], "fd:77", "Bad file descriptor"), ([file], "fd:3", "not a socket"),
                    ([], "fd:x", "names no descriptor")):
                server = Server(program, "--bind", address, sockets=sockets)
                _, errors = server.process.communicate(timeout=PATIENCE)
                assert server.process.returncode in (1, 2) and why in errors and address[3:] in errors, errors


def test_systemd_hands_sockets_over(program, folder):
    one, other = f"{folder}/one", f"{folder}/other"
    command = ["systemd-socket-activate", "-l", one, "-l", other, "--fdname=web:admin",
               program, "hello", "0", "--bind", "", "--socket-activation", "all"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            while not (os.path.exists(one) and os.path.exists(other)):
                assert process.poll() is None
            # It is started by this; the connection waits for it.
            get(f"unix:{one}", connect(f"unix:{one}"))
            assert [process.stdout.readline() for _ in range(2)] == [
                f"listening on unix:{one}\n", f"listening on unix:{other}\n"]
            get(f"unix:{other}")
        finally:
            process.terminate()
        assert process.wait(PATIENCE) == 0


def test_the_manager_is_told(program, folder):
    for address, shown in ((f"{folder}/notify", f"{folder}/notify"), (f"\0wsgi-{os.getpid()}", f"@wsgi-{os.getpid()}")):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(address)
            manager.settimeout(PATIENCE)
            with Server(program, "--notify-service-manager", "1", NOTIFY_SOCKET=shown) as server:
                assert manager.recv(100) == b"READY=1"
                get(server.listening())
                server.ask_to_stop()
                assert manager.recv(100) == b"STOPPING=1"
    with Server(program, "--notify-service-manager", "1", NOTIFY_SOCKET=f"{folder}/nobody") as server:
        get(server.listening())
        assert "NOTIFY_SOCKET" in server.stop(), "it goes on, and says so"
    with Server(program, NOTIFY_SOCKET=f"{folder}/nobody") as server:
        get(server.listening())
        assert server.stop() == "", "without the option nobody is told"
