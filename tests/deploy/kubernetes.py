"""A Deployment and a Service, by examples/deploy/kubernetes.yaml. No cluster: the manifest is
validated against Kubernetes' own schemas, and what a cluster does to the container is done here."""

import functools
import pathlib
import signal
import subprocess
import sys

import yaml

import programs
from client import Client, ask, check
from programs import until
from recipes import FOLDER, recipe

MANIFEST = FOLDER / "kubernetes.yaml"


def checks(tools):
    """Pairs of what is checked and how."""
    for each in (validated, connected, times_fit, terminated):
        yield each.__doc__, functools.partial(each, tools)


def _manifest():
    """The pod's part of the Deployment, and the Service."""
    deployment, service = yaml.safe_load_all(recipe("kubernetes.yaml", {}))
    return deployment, service


def _pod():
    return _manifest()[0]["spec"]["template"]["spec"]


def _option(name):
    """What the container's command is given."""
    (container,) = _pod()["containers"]
    (found,) = [word for word in container["args"] if word.startswith(f"--{name}=")]
    return found.split("=", 1)[1]


def validated(tools):
    """`kubernetes-validate --strict` finds nothing wrong"""
    program = pathlib.Path(sys.executable).with_name("kubernetes-validate")
    done = subprocess.run([program, "--strict", MANIFEST], capture_output=True, text=True, check=False)
    check(done.returncode == 0 and done.stdout.count("passed for") == 2, done)


def connected(tools):
    """Labels, ports and probes name each other"""
    deployment, service = _manifest()
    template = deployment["spec"]["template"]
    (container,) = template["spec"]["containers"]
    labels = template["metadata"]["labels"]
    check(service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"] == labels)
    (port,) = container["ports"]
    check(_option("bind").endswith(f":{port['containerPort']}"), port)
    targets = [service["spec"]["ports"][0]["targetPort"], container["readinessProbe"]["httpGet"]["port"],
               container["livenessProbe"]["tcpSocket"]["port"]]
    check(targets == [port["name"]] * 3, targets)


def times_fit(tools):
    """The pod has time for preStop and for the requests in work; a probe fails before preStop is over"""
    pod = _pod()
    (container,) = pod["containers"]
    sleep = float(container["lifecycle"]["preStop"]["exec"]["command"][1])
    stop = float(_option("shutdown-timeout"))
    check(pod["terminationGracePeriodSeconds"] > sleep + stop, sleep, stop)
    probe = container["readinessProbe"]
    check(probe["periodSeconds"] * probe["failureThreshold"] < sleep, probe)


def terminated(tools):
    """The container's command: ready, then unready from SIGTERM on, while it ends what it has begun"""
    (container,) = _pod()["containers"]
    args = [word for word in container["args"] if not word.startswith("--bind")]
    path = container["readinessProbe"]["httpGet"]["path"]
    check(container["command"][0] == "wsgiserver", container["command"])
    with programs.command(tools, *container["command"][1:], *args, "--chdir", FOLDER) as server:
        port = server.address
        check(ask(port, path)[0] == 200)
        with Client(port) as client:
            client.request("GET", "/slow")
            until(server.connections, "the request arrives")
            server.process.send_signal(signal.SIGTERM)
            until(lambda: not _is_ready(port, path), "the pod becomes unready")
            check(server.process.poll() is None, "it waits for the request")
            answer = client.getresponse()
            check(answer.status == 200 and answer.read() == b"200 OK")
        server.ended()


def _is_ready(port, path):
    try:
        return ask(port, path)[0] == 200
    except OSError:
        return False
