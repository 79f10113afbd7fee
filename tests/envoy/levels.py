"""Priority levels: shares at various health, overprovisioning and panic."""

import random

from server import Envoy, cluster, endpoint, picks

KEYS = 1_000

# (all, healthy) of each level; factor; threshold.
NAMED = [
    ([(10, 10), (10, 10)], 140, 50),
    ([(10, 8), (10, 10)], 140, 50),
    ([(10, 7), (10, 10)], 140, 50),
    ([(10, 5), (10, 10)], 140, 50),
    ([(10, 1), (10, 10)], 140, 50),
    ([(10, 0), (10, 10)], 140, 50),
    ([(10, 5), (10, 5)], 140, 50),
    ([(10, 2), (10, 2)], 140, 50),
    ([(10, 2), (10, 2)], 140, 0),
    ([(10, 0), (10, 0)], 140, 50),
    ([(10, 0), (10, 0)], 140, 0),
    ([(10, 0), (10, 3)], 140, 0),
    ([(20, 1), (20, 13)], 140, 50),
    ([(4, 1), (4, 1), (4, 0)], 140, 50),
    ([(4, 1), (4, 1), (4, 4)], 140, 50),
    ([(3, 2), (5, 2), (7, 3), (2, 1)], 140, 30),
    ([(10, 5), (10, 10)], 100, 50),
    ([(10, 5), (10, 10)], 200, 50),
    ([(10, 4)], 140, 50),
    ([(10, 5)], 140, 50),
    ([(1, 0), (9, 0), (3, 0)], 140, 50),
]


def drawn(seed):
    draw = random.Random(seed)
    levels = []
    for _ in range(draw.randint(1, 4)):
        total = draw.randint(1, 14)
        levels.append((total, draw.randint(0, total)))
    return levels, draw.choice((100, 120, 140, 140, 250)), draw.choice((0, 20, 50, 50, 100))


def levels(binary):
    cases, clusters = [], []
    for levels, factor, threshold in NAMED + [drawn(seed) for seed in range(40)]:
        groups, addrs = [], []
        for priority, (total, healthy) in enumerate(levels):
            named = [f"127.0.{priority + 1}.{number}:1" for number in range(1, total + 1)]
            hosts = [endpoint(addr, healthy=at < healthy) for at, addr in enumerate(named)]
            groups.append({"priority": priority, "lb_endpoints": hosts})
            addrs += named
        name = f"c{len(cases)}"
        config = {"healthy_panic_threshold": {"value": threshold}}
        made = cluster(name, "RING_HASH", groups, overprovisioning=factor, common_lb_config=config)
        clusters.append(made)
        cases.append((addrs, {"levels": levels, "factor": factor, "threshold": threshold}))
    with Envoy(binary, clusters) as envoy:
        for number, (addrs, case) in enumerate(cases):
            yield {**case, "picks": picks(envoy, f"c{number}", addrs, KEYS)}
