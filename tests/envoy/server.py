"""Runs an Envoy with static clusters, and asks it which endpoints it picks."""

import json
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request

TYPE = "type.googleapis.com/envoy."


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def socket_address(host, port):
    return {"socket_address": {"address": host, "port_value": port}}


def endpoint(addr, weight=1, healthy=True, key=None):
    """An endpoint; nothing has to answer there: a refused connection tells which was picked."""
    host, port = addr.rsplit(":", 1)
    status = "HEALTHY" if healthy else "UNHEALTHY"
    made = {
        "endpoint": {"address": socket_address(host.strip("[]"), int(port))},
        "load_balancing_weight": weight,
        "health_status": status,
    }
    if key is not None:
        made["metadata"] = {"filter_metadata": {"envoy.lb": {"hash_key": key}}}
    return made


def cluster(name, policy, groups, **more):
    """A static cluster; a group is `{"priority": …, "lb_endpoints": […]}`."""
    assignment = {"cluster_name": name, "endpoints": groups}
    if "overprovisioning" in more:
        assignment["policy"] = {"overprovisioning_factor": more.pop("overprovisioning")}
    return {
        "name": name,
        "type": "STATIC",
        "lb_policy": policy,
        "load_assignment": assignment,
        "circuit_breakers": {"thresholds": [{"max_connections": 65535, "max_requests": 65535}]},
        **more,
    }


def listener(name, addresses, routes, filters=()):
    router = {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": TYPE + "extensions.filters.http.router.v3.Router"},
    }
    kind = "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    manager = {
        "@type": TYPE + kind,
        "stat_prefix": name,
        "http_filters": [*filters, router],
        "route_config": {"virtual_hosts": [{"name": name, "domains": ["*"], "routes": routes}]},
    }
    first, *more = addresses
    return {
        "name": name,
        "address": first,
        "additional_addresses": [{"address": address} for address in more],
        "filter_chains": [{"filters": [{"name": name, "typed_config": manager}]}],
    }


def cluster_route(name):
    """The path names the cluster; the header `x-key` is what hash policies hash."""
    header = {"key": "x-host", "value": "%UPSTREAM_HOST%"}
    return {
        "match": {"path": "/" + name},
        "route": {
            "cluster": name,
            "timeout": "0s",
            "hash_policy": [{"header": {"header_name": "x-key"}}],
        },
        "response_headers_to_add": [{"header": header}],
    }


class Envoy:
    """A running Envoy; it ends with the `with` block."""

    def __init__(self, binary, clusters, filters=(), listeners=(), **bootstrap):
        self.admin, self.port = free_port(), free_port()
        routes = [cluster_route(cluster["name"]) for cluster in clusters]
        entry = listener("entry", [socket_address("127.0.0.1", self.port)], routes, filters)
        config = {
            "admin": {"address": socket_address("127.0.0.1", self.admin)},
            "static_resources": {"clusters": clusters, "listeners": [entry, *listeners]},
            **bootstrap,
        }
        self.file = tempfile.NamedTemporaryFile("w", suffix=".json")
        json.dump(config, self.file)
        self.file.flush()
        command = [binary, "-c", self.file.name, "--concurrency", "1", "--use-dynamic-base-id"]
        self.process = subprocess.Popen([*command, "-l", "error"])

    def __enter__(self):
        deadline = time.monotonic() + 20
        while True:
            try:
                self.ask("ready")
                break
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.__exit__()
                    raise RuntimeError("Envoy did not start") from None
                time.sleep(0.02)
        self.connection = socket.create_connection(("127.0.0.1", self.port))
        self.answers = self.connection.makefile("rb")
        return self

    def __exit__(self, *_):
        # Only the process that was started here.
        self.process.terminate()
        self.process.wait()
        self.file.close()

    def ask(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/{path}", timeout=5) as answer:
            return answer.read()

    def get(self, cluster, headers):
        """Sends a request for each dictionary of headers; returns pairs of status and address.

        One after the other while none is sent on: Envoy ends a connection with a row of its own
        answers waiting.
        """
        answers = []
        while len(answers) < len(headers):
            answers += self._get(cluster, headers[len(answers) :][:1])
            if answers[-1][1]:
                answers += self._get(cluster, headers[len(answers) :])
        return answers

    def _get(self, cluster, headers):

        def request(headers):
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            return f"GET /{cluster} HTTP/1.1\r\nhost: envoy\r\n{lines}\r\n".encode()

        wire = b"".join(map(request, headers))
        sender = threading.Thread(target=self.connection.sendall, args=(wire,))
        sender.start()
        answers = [self._answer() for _ in headers]
        sender.join()
        return answers

    def _answer(self):
        status, fields = int(self.answers.readline().split()[1]), {}
        while line := self.answers.readline().strip().decode():
            name, value = line.split(": ", 1)
            fields[name] = value
        self.answers.read(int(fields.get("content-length", 0)))
        return status, fields.get("x-host")


DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def picks(envoy, cluster, addrs, keys):
    """The endpoint of each of the keys "0", "1", …: its place as a digit, or - for none."""
    places = dict(zip(addrs, DIGITS))
    places["-"] = "-"
    answers = envoy.get(cluster, [{"x-key": str(key)} for key in range(keys)])
    return "".join(places[host or "-"] for _, host in answers)
