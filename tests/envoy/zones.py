"""Zone-aware routing: how many requests of a client in zone 1 go to which zone."""

from server import Envoy, cluster, endpoint

REQUESTS = 20_000

# Clients by zone, and the cases: endpoints by zone, the least number of endpoints.
RUNS = [
    (
        [1, 1, 1],
        [
            ([1, 2, 2], 5),
            ([2, 2, 2], 6),
            ([2, 2, 2], 7),
            ([1, 5, 5], 6),
            ([2, 2, 8], 6),
            ([3, 1, 9], 6),
            ([0, 4, 4], 6),
            ([0, 2, 6], 6),
            ([8, 1, 1], 6),
        ],
    ),
    ([4, 3, 3], [([3, 5, 5], 6), ([1, 4, 9], 6), ([5, 3, 2], 6)]),
    ([8, 2], [([5, 5], 6), ([1, 9], 6), ([9, 1], 6)]),
    ([5, 1, 1, 1, 1, 1], [([2, 4, 3, 2, 1, 1], 6), ([1, 1, 1, 1, 1, 8], 6)]),
]


def groups(counts, net):
    for zone, count in enumerate(counts, 1):
        hosts = [endpoint(f"127.{net}.{zone}.{number}:1") for number in range(1, count + 1)]
        if hosts:
            yield {"locality": {"zone": f"z{zone}"}, "lb_endpoints": hosts}


def zones(binary):
    for clients, cases in RUNS:
        clusters = [cluster("clients", "RANDOM", list(groups(clients, 1)))]
        for number, (counts, minimum) in enumerate(cases):
            aware = {"min_cluster_size": minimum}
            config = {"zone_aware_lb_config": aware}
            made = list(groups(counts, 2))
            clusters.append(cluster(f"c{number}", "RANDOM", made, common_lb_config=config))
        node = {"id": "a", "cluster": "clients", "locality": {"zone": "z1"}}
        manager = {"local_cluster_name": "clients"}
        with Envoy(binary, clusters, node=node, cluster_manager=manager) as envoy:
            for number, (counts, minimum) in enumerate(cases):
                answers = envoy.get(f"c{number}", [{}] * REQUESTS)
                requests = [0] * len(counts)
                for _, host in answers:
                    requests[int(host.split(".")[2]) - 1] += 1
                yield {
                    "clients": clients,
                    "endpoints": counts,
                    "minimum": minimum,
                    "requests": requests,
                }
