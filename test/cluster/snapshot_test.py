"""The log gives way to snapshots, and a node that is behind what is left of it catches up by one."""

import unittest

from support import ClusterTest, Writer, poll_until, read_all

FLAGS = ("--segment-size", "64KiB", "--snapshot-log-size", "256KiB")
VALUE = b"v" * 500


class Snapshots(ClusterTest):
    def store(self, cluster, numbers):
        writer = Writer([node.listen for node in cluster.nodes.values() if node.running()])
        writer.store([(b"key-%d" % number, VALUE + b"%d" % number) for number in numbers])
        writer.close()

    def wait_equal(self, cluster, number, leader):
        def equal():
            mine, other = cluster.status(number), cluster.status(leader)
            return mine and other and mine["applied"] == other["applied"] == other["commit"]
        poll_until(equal, 20, f"node {number} to catch up")

    def test_a_node_behind_the_log_catches_up_by_snapshot(self):
        cluster = self.cluster(flags=FLAGS)
        leader = cluster.wait_leader()
        late = next(number for number in cluster.nodes if number != leader)
        self.store(cluster, range(100))
        behind = cluster.status(late)["commit"]
        cluster.nodes[late].kill()
        self.store(cluster, range(50, 4000))
        leader = cluster.wait_leader()
        kept = poll_until(lambda: (s := cluster.status(leader))["first"] > behind + 1 and s, 20, "the log to be released")
        self.assertGreater(kept["snapshot"], 0)
        self.assertLessEqual(kept["snapshot"], kept["applied"])
        # Of about 38. The last snapshot, and the removal of what it holds, may still be under way.
        segments = (cluster.directory / f"data{leader}").glob
        poll_until(lambda: len(list(segments("wal-*.log"))) < 14, 20, "the segments to go that snapshots hold")
        cluster.nodes[late].start()
        cluster.nodes[late].wait_ready()
        self.wait_equal(cluster, late, leader)
        self.assertGreater(cluster.status(late)["first"], behind + 1)
        cluster.nodes[late].wait_for_line("snapshot received")
        # It serves what it got, before and after a restart.
        for _ in range(2):
            found = dict(read_all(cluster.client(late), [b"key-%d" % number for number in range(4000)]))
            self.assertEqual([n for n in range(4000) if found[b"key-%d" % n] != VALUE + b"%d" % n], [])
            cluster.nodes[late].kill()
            cluster.nodes[late].start()
            cluster.nodes[late].wait_ready()
            cluster.wait_writable()
            self.wait_equal(cluster, late, cluster.wait_leader())

    def test_a_single_node_comes_back_from_its_snapshot(self):
        cluster = self.cluster(size=1, flags=FLAGS)
        self.store(cluster, range(2000))
        poll_until(lambda: cluster.status(1)["first"] > 1, 20, "the log to be released")
        cluster.nodes[1].kill()
        cluster.nodes[1].start()
        cluster.nodes[1].wait_ready()
        cluster.wait_writable()
        found = dict(read_all(cluster.client(1), [b"key-%d" % number for number in range(2000)]))
        self.assertEqual([n for n in range(2000) if found[b"key-%d" % n] != VALUE + b"%d" % n], [])
        self.assertGreater(cluster.status(1)["snapshot"], 0)


if __name__ == "__main__":
    unittest.main()
