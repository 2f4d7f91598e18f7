"""The limits of the MIT labs on calls, bytes and speed, in real time: three kv-node processes on loopback.

The calls and bytes are those that STATUS counts; a call is a request with its answer.
"""

import os
import time
import unittest

from support import ClusterTest, Writer, poll_until

# Not more than ten heartbeats a second.
FLAGS = ("--heartbeat-interval", "100ms", "--election-timeout", "500ms")
SERVERS = 3


class Labs(ClusterTest):
    def views(self, cluster):
        return [poll_until(lambda n=number: cluster.status(n), 5, "STATUS") for number in cluster.nodes]

    def calls(self, cluster):
        views = [view["traffic"] for view in self.views(cluster)]
        return max(sum(view[part] for view in views) for part in ("requests", "answers"))

    def bytes(self, cluster):
        return sum(view["traffic"]["bytes"] for view in self.views(cluster))

    def term(self, cluster):
        return max(view["term"] for view in self.views(cluster))

    def wait_applied(self, cluster, revision):
        poll_until(lambda: all(view["applied"] >= revision for view in self.views(cluster)), 10,
                   f"revision {revision} on all servers")

    def test_rpc_bytes_2b(self):
        """TestRPCBytes2B: each command goes to each peer about once."""
        cluster = self.cluster(SERVERS, FLAGS)
        client = cluster.client(cluster.wait_leader())
        self.wait_applied(cluster, client.set(b"99", b"99"))
        before = self.bytes(cluster)
        for number in range(10):
            self.wait_applied(cluster, client.set(b"bytes-%d" % number, os.urandom(5000)))
        sent = self.bytes(cluster) - before
        print(f"TestRPCBytes2B: {sent} bytes for ten commands of 5000", flush=True)
        self.assertLessEqual(sent, SERVERS * 50_000 + 50_000)

    def test_count_2b(self):
        """TestCount2B: few calls for an election, for agreement, and for nothing at all."""
        cluster = self.cluster(SERVERS, FLAGS, start=False).start()
        leader = cluster.wait_leader()
        calls = self.calls(cluster)
        print(f"TestCount2B: {calls} calls until there is a leader", flush=True)
        self.assertTrue(1 <= calls <= 30, calls)
        cluster.wait_writable()
        agreement = poll_until(lambda: self.count_agreement(cluster), 15, "an agreement in one term", pause=3)
        print(f"TestCount2B: {agreement} calls for an agreement on twelve commands", flush=True)
        self.assertLessEqual(agreement, (10 + 1 + 3) * 3)
        idle = self.idle_rate(cluster)
        print(f"TestCount2B: {idle:.1f} calls a second when idle; node {leader} led first", flush=True)
        self.assertLessEqual(idle, SERVERS * 20)

    def idle_rate(self, cluster):
        """Calls a second while nobody asks anything, over a second's worth of heartbeats."""
        before = self.calls(cluster)
        begin = time.monotonic()

        def rate():
            elapsed = time.monotonic() - begin  # taken first: the calls made while they are asked for count
            made = self.calls(cluster) - before
            return made / elapsed if made >= 10 * (SERVERS - 1) else None

        return poll_until(rate, 10, "a second's worth of heartbeats")

    def count_agreement(self, cluster):
        """The calls for twelve commands to the leader, none waiting for another; None when the term moved."""
        term = self.term(cluster)
        client = cluster.client(cluster.wait_leader())
        before = self.calls(cluster)
        for number in range(12):
            client.post(b"SET", b"count-%d" % number, b"%d" % number)
        revisions = []
        for _ in range(12):
            _, reply = client.receive(5)
            self.assertEqual(reply[0], b"OK", reply)
            revisions.append(int(reply[1]))
        self.wait_applied(cluster, max(revisions))
        calls = self.calls(cluster) - before
        if self.term(cluster) != term:
            return None
        self.assertEqual(sorted(revisions), list(range(min(revisions), min(revisions) + 12)))
        return calls

    def test_speed_3a(self):
        """TestSpeed3A: a thousand writes one after the other, at least three in the time of a heartbeat."""
        self.check_speed("TestSpeed3A", self.cluster(SERVERS, FLAGS))

    def test_speed_3b(self):
        """TestSpeed3B: the same while snapshots are taken, one for every few writes."""
        cluster = self.cluster(SERVERS, FLAGS + ("--snapshot-log-size", "1000"))
        self.check_speed("TestSpeed3B", cluster)
        self.assertTrue(all(view["snapshot"] > 900 for view in self.views(cluster)))

    def check_speed(self, name, cluster):
        """Like the labs' clerk, the writer sends again what a change of leaders left without an answer."""
        cluster.wait_leader()
        writer = Writer([node.listen for node in cluster.nodes.values()], window=1, patience=10)
        begin = time.monotonic()
        writer.store((b"x", b"x 0 %d y" % number) for number in range(1000))
        each = (time.monotonic() - begin) / 1000
        writer.close()
        print(f"{name}: {1000 * each:.3f} ms a write, {writer.repeated} sent again", flush=True)
        self.assertLessEqual(each, 0.1 / 3)
        self.assertEqual(cluster.client(cluster.wait_leader()).get(b"x"), b"x 0 999 y")


if __name__ == "__main__":
    unittest.main()
