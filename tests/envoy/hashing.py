"""Ring hash and Maglev: which endpoint gets which key."""

import random

from server import Envoy, cluster, endpoint, picks


def addresses(count):
    return [f"127.0.1.{number}:1" for number in range(1, count + 1)]


def case(name, weights, keys=2_000, addrs=None, named=False, **sizes):
    count = len(weights)
    addrs = addrs or addresses(count)
    names = [f"host-{number:02}" for number in range(count)] if named else None
    return {"name": name, "keys": keys, "addrs": addrs, "names": names, "weights": weights, **sizes}


def random_weights(seed, most):
    draw = random.Random(seed)
    return [draw.randint(1, most) for _ in range(draw.randint(2, 24))]


def rings():
    six = [f"[::1]:{port}" for port in range(1, 7)]
    yield case("six", [1] * 6, minimum=1024, maximum=8 << 20)
    yield case("six of IPv6", [1] * 6, addrs=six, minimum=1024, maximum=8 << 20)
    yield case("six names", [1] * 6, named=True, minimum=1024, maximum=8 << 20)
    yield case("one", [7], minimum=1024, maximum=8 << 20)
    yield case("twelve points", [1] * 6, minimum=12, maximum=12)
    yield case("fewer points than endpoints", [1] * 4, minimum=2, maximum=2)
    yield case("weights", [1, 2, 3, 4], minimum=1024, maximum=8 << 20)
    yield case("a heavy one", [1, 1, 1, 200], minimum=100, maximum=512)
    yield case("thirds", [1, 1, 1], minimum=1000, maximum=1000)
    yield case("large", [3, 7, 11, 50], minimum=20_000, maximum=8 << 20)
    yield case("no whole numbers", [5, 7, 13], minimum=1023, maximum=1023)
    for seed in range(12):
        most = (2, 10, 1000)[seed % 3]
        sizes = ((1024, 8 << 20), (100, 500), (4096, 4096))[seed // 3 % 3]
        weights = random_weights(seed, most)
        yield case(f"random {seed}", weights, minimum=sizes[0], maximum=sizes[1])


def tables():
    six = [f"[::1]:{port}" for port in range(1, 7)]
    for size in (7, 251, 1021, 65_537):
        yield case(f"six, {size}", [1] * 6, size=size)
    yield case("six of IPv6", [1] * 6, addrs=six, size=251)
    yield case("six names", [1] * 6, named=True, size=251)
    yield case("one", [7], size=251)
    yield case("twenty", [1] * 20, keys=8_000, size=65_537)
    yield case("powers of two", [1, 2, 4, 8], size=1021)
    for seed in range(12):
        size = (251, 1021, 65_537)[seed // 3 % 3]
        weights = random_weights(100 + seed, (2, 10, 1000)[seed % 3])
        yield case(f"random {seed}", weights, keys=4_000, size=size)


def run(binary, cases, policy, settings):
    cases = list(cases)
    clusters = []
    for number, one in enumerate(cases):
        names = one["names"] or [None] * len(one["addrs"])
        described = zip(one["addrs"], one["weights"], names)
        hosts = [endpoint(addr, weight, key=key) for addr, weight, key in described]
        clusters.append(
            cluster(f"c{number}", policy, [{"lb_endpoints": hosts}], **settings(one))
        )
    with Envoy(binary, clusters) as envoy:
        for number, one in enumerate(cases):
            one["picks"] = picks(envoy, f"c{number}", one["addrs"], one.pop("keys"))
            yield one


def ring_hash(binary):
    def settings(one):
        sizes = {"minimum_ring_size": one["minimum"], "maximum_ring_size": one["maximum"]}
        return {"ring_hash_lb_config": sizes}

    return run(binary, rings(), "RING_HASH", settings)


def maglev(binary):
    def settings(one):
        return {"maglev_lb_config": {"table_size": one["size"]}}

    return run(binary, tables(), "MAGLEV", settings)
