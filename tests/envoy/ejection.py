"""Outlier detection: who is out after which requests, and who is back at the end of which interval.

Time is in intervals. All cases go in step: at the begin of an interval each sends its requests,
one endpoint after the other; then and after the interval's end it is noted who is ejected. A
cluster whose one endpoint always fails and comes back at each end is the clock.

Ejections take no whole number of intervals where they begin at the end of one, and else one that
the exact time of the requests does not matter for.
"""

import json
import random
import time
from base64 import b64encode

from server import TYPE, Envoy, cluster, endpoint, free_port, listener, socket_address

INTERVAL = 20.0
LENGTH = 16
HOSTS = 10


def case(name, hosts, requests, **settings):
    """`requests`: by interval, the endpoint and the text of its requests, as "f5 s20"."""
    defaults = {"consecutive": 0, "success_rate": False, "failure_percentage": False}
    shared = {"base": 1.0, "longest": 75.0, "percent": 100, "always_one": False}
    rates = {"hosts_needed": 5, "volume": 20, "stdev": 1900, "threshold": 85}
    settings = {**defaults, **shared, **rates, **settings}
    return {"name": name, "hosts": hosts, "requests": requests, "settings": settings}


def again(host, text, intervals):
    return {number: [(host, text)] for number in intervals}


def rates(hosts, failures, of=20):
    return [
        (host, f"f{failed} s{of - failed}")
        for host, failed in zip(range(hosts), failures + [0] * hosts)
    ]


def named():
    five = {"consecutive": 5}
    rate = {"success_rate": True, "base": 0.7}
    share = {"failure_percentage": True, "base": 0.7}
    yield case("a row", 3, {0: [(0, "f4 s1 f4"), (1, "f5 f2")], 1: [(0, "f1 f1")]}, **five)
    yield case("longer each time", 2, again(0, "f5", range(LENGTH)), **five)
    yield case("the longest", 2, again(0, "f5", range(LENGTH)), longest=2.0, **five)
    odd = {"base": 1.2, "longest": 2.4}
    yield case("an odd longest", 2, again(0, "f5", range(LENGTH)), **odd, **five)
    yield case("forgiven", 2, again(0, "f5", [0, 2, 5, 10, 12, 15]), **five)
    yield case("forgiven in part", 2, again(0, "f5", [0, 2, 5, 9, 11, 14]), **five)
    yield case("a row over intervals", 2, again(0, "f2", range(6)), **five)
    for percent, hosts in ((0, 3), (10, 5), (10, 9), (10, 10), (34, 3), (50, 4), (33, 9)):
        for always in (False, True):
            all_fail = {0: [(host, "f5") for host in range(hosts)]}
            name = f"{percent} % of {hosts}" + (", or one" if always else "")
            yield case(name, hosts, all_fail, percent=percent, always_one=always, **five)
    later = {0: [(0, "f5"), (1, "f7")], 1: [(1, "f2")], 2: [(1, "f1 f1")]}
    yield case("once too many", 2, later, percent=50, **five)
    for failures in ([10], [1], [10, 10], [20, 10], [0], [4, 3, 2, 1], [20, 20]):
        yield case(f"rates {failures}", 5, {0: rates(5, failures)}, **rate)
    yield case("rates of ten", 10, {0: rates(10, [10, 10, 1])}, **rate)
    yield case("rates of ten, close", 10, {0: rates(10, [9, 8, 7, 6])}, stdev=1000, **rate)
    yield case("too few rates", 4, {0: rates(4, [20])}, **rate)
    yield case("too few requests", 5, {0: rates(5, [19], 19)}, **rate)
    yield case("rates again", 5, {n: rates(5, [10]) for n in range(LENGTH)}, **rate)
    yield case("rates over intervals", 5, {0: rates(5, [5], 10), 1: rates(5, [5], 10)}, **rate)
    yield case("rates, one of ten", 10, {0: rates(10, [20, 20])}, percent=10, **rate)
    for failed in (16, 17, 18):
        yield case(f"{failed} of 20", 5, {0: rates(5, [failed])}, **share)
    yield case("all of five", 5, {0: rates(5, [20] * 5)}, **share)
    yield case("all of five, half", 5, {0: rates(5, [20] * 5)}, percent=50, **share)
    yield case("too few", 4, {0: rates(4, [20])}, **share)
    # One that breaks both rules at once is ejected twice; its time is that of the second ejection.
    yield case("both rules", 10, {0: rates(10, [20, 19, 3])}, **{**rate, **share})


def drawn(seed):
    draw = random.Random(seed)
    hosts = draw.randint(2, HOSTS)
    kind, settings = seed % 3, {}
    if kind == 0:
        # At an interval's end, Envoy takes endpoints in the order of a hash map.
        settings |= {"percent": draw.choice((100, 50, 34, 20)), "always_one": draw.random() < 0.3}
    if kind != 1:
        settings |= {"consecutive": draw.choice((1, 2, 5))}
    if kind != 0:
        # Not both: see "both rules".
        rule = draw.choice(("success_rate", "failure_percentage"))
        settings |= {rule: True, "base": 0.7, "hosts_needed": draw.choice((2, 3, 5))}
        settings |= {"volume": draw.choice((5, 10, 20)), "threshold": draw.choice((30, 60, 85))}
        settings |= {"stdev": draw.choice((500, 1900))}
    if kind == 2:
        settings |= {"base": 1.2, "longest": 2.4}
    requests = {}
    for number in range(LENGTH - 1):
        sent = []
        for host in range(hosts):
            if draw.random() < 0.3:
                continue
            kinds = draw.choice(("fs", "fs", "sss", "sss", "sssf"))
            parts = range(draw.randint(1, 4))
            text = " ".join(f"{draw.choice(kinds)}{draw.randint(1, 9)}" for _ in parts)
            sent.append((host, text))
        requests[number] = sent
    return case(f"drawn {seed}", hosts, requests, **settings)


def detection(settings):
    def enforced(on):
        return 100 if on else 0

    def seconds(intervals):
        return f"{intervals * INTERVAL:.3f}s"

    rate, share = settings["success_rate"], settings["failure_percentage"]
    return {
        "interval": f"{INTERVAL:.3f}s",
        "base_ejection_time": seconds(settings["base"]),
        "max_ejection_time": seconds(settings["longest"]),
        "max_ejection_percent": settings["percent"],
        "always_eject_one_host": settings["always_one"],
        "consecutive_5xx": settings["consecutive"] or 1000000,
        "enforcing_consecutive_5xx": enforced(settings["consecutive"]),
        "enforcing_consecutive_gateway_failure": 0,
        "enforcing_success_rate": enforced(rate),
        "success_rate_minimum_hosts": settings["hosts_needed"],
        "success_rate_request_volume": settings["volume"],
        "success_rate_stdev_factor": settings["stdev"],
        "enforcing_failure_percentage": enforced(share),
        "failure_percentage_threshold": settings["threshold"],
        "failure_percentage_minimum_hosts": settings["hosts_needed"],
        "failure_percentage_request_volume": settings["volume"],
    }


def address(host, port):
    return f"127.0.3.{host + 1}:{port}"


def start(binary, cases):
    """Endpoints are listeners of the same Envoy, which fail when they are told to."""
    port = free_port()

    def status(code, **match):
        return {"match": {"prefix": "/", **match}, "direct_response": {"status": code}}

    told = [{"name": "x-fail", "present_match": True}]
    addresses = [socket_address(address(host, port).split(":")[0], port) for host in range(HOSTS)]
    answers = listener("answers", addresses, [status(500, headers=told), status(200)])
    clusters = []
    for number, one in enumerate(cases):
        hosts = [endpoint(address(host, port)) for host in range(one["hosts"])]
        config = {"outlier_detection": detection(one["settings"])}
        clusters.append(
            cluster(f"c{number}", "ROUND_ROBIN", [{"lb_endpoints": hosts}], **config)
        )
    state = "extensions.http.stateful_session.header.v3.HeaderBasedSessionState"
    session = {
        "name": "envoy.filters.http.stateful_session",
        "typed_config": {
            "@type": TYPE + "extensions.filters.http.stateful_session.v3.StatefulSession",
            "strict": True,
            "session_state": {
                "name": "envoy.http.stateful_session.header",
                "typed_config": {"@type": TYPE + state, "name": "x-to"},
            },
        },
    }
    return port, Envoy(binary, clusters, filters=[session], listeners=[answers])


class Run:
    def __init__(self, envoy, port, cases):
        self.envoy, self.port, self.cases = envoy, port, cases
        self.rows = {}

    def ejected(self):
        """The endpoints that are ejected, of each case."""
        found = [[] for _ in self.cases]
        for one in json.loads(self.envoy.ask("clusters?format=json"))["cluster_statuses"]:
            for host in one.get("host_statuses", []):
                if host["health_status"].get("failed_outlier_check"):
                    place = int(host["address"]["socket_address"]["address"].split(".")[3]) - 1
                    found[int(one["name"][1:])].append(place)
        return [sorted(one) for one in found]

    def send(self, number, host, text):
        """Sends requests as "f5 s20" says; returns the same with x for those that were refused."""
        every = self.cases[number]["settings"]["consecutive"]
        row, sent, batch = self.rows.get((number, host), 0), [], []
        for part in text.split():
            for _ in range(int(part[1:])):
                batch.append(part[0])
                row = row + 1 if part[0] == "f" else 0
                if every and row and row % every == 0:
                    sent += self.send_batch(number, host, batch)
                    batch = []
                    # Its ejection takes a moment.
                    time.sleep(0.05)
        sent += self.send_batch(number, host, batch)
        self.rows[number, host] = 0 if "x" in sent else row
        return "".join(sent)

    def send_batch(self, number, host, batch):
        to = b64encode(address(host, self.port).encode()).decode()
        headers = [{"x-to": to, **({"x-fail": "1"} if kind == "f" else {})} for kind in batch]
        kinds = {200: "s", 500: "f", 503: "x"}
        return [kinds[status] for status, _ in self.envoy.get(f"c{number}", headers)]

    def wait_for_the_end(self, clock):
        deadline = time.monotonic() + 2 * INTERVAL
        while self.ejected()[clock]:
            if time.monotonic() > deadline:
                raise RuntimeError("an interval does not end")
            time.sleep(0.02)


def runs(text):
    """"fffss" as "f3 s2"."""
    found = []
    for kind in text:
        if found and found[-1][0] == kind:
            found[-1][1] += 1
        else:
            found.append([kind, 1])
    return " ".join(f"{kind}{count}" for kind, count in found)


def ejection(binary):
    cases = [*named(), *(drawn(seed) for seed in range(24))]
    clock = len(cases)
    cases.append(case("clock", 1, {}, consecutive=1, base=0.001))
    port, envoy = start(binary, cases)
    with envoy:
        run = Run(envoy, port, cases)
        for one in cases:
            one["seen"] = []
        run.send(clock, 0, "f1")
        run.wait_for_the_end(clock)
        for interval in range(LENGTH):
            begin = time.monotonic()
            run.send(clock, 0, "f1")
            sent = [
                [
                    (host, runs(run.send(number, host, text)))
                    for host, text in one["requests"].get(interval, [])
                ]
                for number, one in enumerate(cases)
            ]
            time.sleep(0.1)
            out = run.ejected()
            took = (time.monotonic() - begin) / INTERVAL
            if took > 0.45:
                raise RuntimeError(f"the machine is too slow: {took:.2f} of an interval")
            run.wait_for_the_end(clock)
            # Other clusters' intervals end a little later.
            time.sleep(0.05 * INTERVAL)
            back = run.ejected()
            for number, one in enumerate(cases):
                one["seen"].append({"sent": sent[number], "out": out[number], "end": back[number]})
    for one in cases[:clock]:
        yield {key: one[key] for key in ("name", "hosts", "settings", "seen")}
