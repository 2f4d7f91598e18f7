"""kill -9 of the leader under load, again and again: nothing acknowledged is missing, and the others go on soon.

STRATA_FAILOVER_ROUNDS says how often (default 3). Prints a table of the times.
"""

import os
import statistics
import subprocess
import time
import unittest

from support import BUILD, Client, ClusterTest, poll_until

ROUNDS = int(os.environ.get("STRATA_FAILOVER_ROUNDS", "3"))
MEDIAN_LIMIT, WORST_LIMIT = 1.5, 3.0  # seconds without service
PROBE_EVERY_MS = 10


class Probe:
    """SETs one key after the other through some nodes, whether answered or not, and keeps what was acknowledged."""

    def __init__(self, clients, prefix):
        self.clients, self.prefix = clients, prefix
        self.count = 0
        self.acknowledged = {}
        self._sent = {}  # (client's place, number) -> (key, value, when)

    def step(self):
        """Sends one SET to each node and takes the replies that come; the time when the last acknowledged was sent."""
        newest = None
        for place, client in enumerate(self.clients):
            self.count += 1
            key, value = b"%s-%d" % (self.prefix, self.count), b"%d" % self.count
            self._sent[place, client.post(b"SET", key, value)] = (key, value, time.monotonic())
        self.clients[0].socket.poll(PROBE_EVERY_MS)
        for place, client in enumerate(self.clients):
            while client.socket.poll(0):
                number, reply = client.receive(0)
                key, value, sent_at = self._sent.pop((place, number))
                if reply[0] == b"OK":
                    self.acknowledged[key] = value
                    newest = max(newest or 0, sent_at)
        return newest


class Failover(ClusterTest):
    def start_load(self, cluster):
        return subprocess.Popen(
            [str(BUILD / "bench" / "load"), "--endpoints", cluster.endpoints(), "--connections", "4", "--pipeline", "16",
             "--duration", "4s", "--verify"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)

    def wait_loaded(self, cluster):
        before = cluster.status(cluster.wait_leader())["commit"]
        poll_until(lambda: cluster.status(cluster.wait_leader())["commit"] > before + 500, 20, "the load to be felt")

    def kill_leader_under_load(self, cluster, number):
        """One round. The seconds from the kill until a SET that was sent after it is acknowledged."""
        load = self.start_load(cluster)
        self.wait_loaded(cluster)
        victim = cluster.wait_leader()
        clients = [Client(node.listen) for node in cluster.nodes.values() if node.number != victim]
        probe = Probe(clients, b"probe-%d" % number)
        poll_until(probe.step, 10, "the probe to be acknowledged", pause=0)
        cluster.nodes[victim].kill()
        killed_at = time.monotonic()
        poll_until(lambda: (probe.step() or 0) > killed_at, 10, "service after the kill", pause=0)
        gap = time.monotonic() - killed_at
        cluster.nodes[victim].start()
        cluster.nodes[victim].wait_ready()
        output, _ = load.communicate(timeout=120)
        self.assertEqual(load.returncode, 0, f"the load or its check failed:\n{output}")
        self.assert_all_there(cluster, probe.acknowledged)
        for client in clients:
            client.close()
        return victim, gap

    def assert_all_there(self, cluster, acknowledged):
        self.assertGreater(len(acknowledged), 0)
        cluster.wait_writable()
        for place, number in enumerate(cluster.nodes):
            share = list(acknowledged.items())[place::len(cluster.nodes)]
            missing = [key for key, value in share if cluster.client(number).get(key) != value]
            self.assertEqual(missing, [], f"acknowledged and not there, read through node {number}")

    def test_the_leader_killed_under_load_costs_no_acknowledged_set_and_little_time(self):
        cluster = self.cluster()
        gaps = []
        print("\nround  killed  seconds without service", flush=True)
        for number in range(1, ROUNDS + 1):
            victim, gap = self.kill_leader_under_load(cluster, number)
            gaps.append(gap)
            print(f"{number:5}  node {victim}  {gap:.3f}", flush=True)
        print(f"median {statistics.median(gaps):.3f} s, worst {max(gaps):.3f} s, over {ROUNDS} rounds", flush=True)
        self.assertLessEqual(statistics.median(gaps), MEDIAN_LIMIT)
        self.assertLessEqual(max(gaps), WORST_LIMIT)


if __name__ == "__main__":
    unittest.main()
