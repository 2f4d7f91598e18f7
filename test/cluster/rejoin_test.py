"""Nodes whose data directory is new, lost, or old."""

import shutil
import subprocess
import unittest

from support import BUILD, ClusterTest, poll_until

FLAGS = ["--segment-size", "1MiB"]


class Rejoin(ClusterTest):
    def wipe(self, node):
        node.kill()
        shutil.rmtree(node.directory)

    def test_the_first_start_waits_for_all_members_and_says_for_whom(self):
        cluster = self.cluster(flags=FLAGS, start=False)
        for number in (1, 2):
            cluster.nodes[number].start()
        for number in (1, 2):
            cluster.nodes[number].wait_for_line(r"waits for members 3$")
        for status in (cluster.status(number) for number in (1, 2)):
            self.assertEqual((status["term"], status["role"]), (0, "recovering"))
            self.assertEqual((status["admission"], status["waits_for"]), ("asking", [3]))
        cluster.nodes[3].start()
        cluster.wait_writable()
        self.assertEqual([cluster.status(number)["admission"] for number in (1, 2, 3)], 3 * ["member"])
        cluster.nodes[2].kill()
        said = subprocess.run([str(BUILD / "kv-wal"), "verify", str(cluster.nodes[2].directory)], capture_output=True, text=True)
        self.assertRegex(said.stdout, r"(?m)^data directory [0-9a-f]{16}, which takes part$")
        for other in (1, 3):
            self.assertRegex(said.stdout, rf"(?m)^knows node {other}: data directory [0-9a-f]{{16}}, incarnation 1, ")

    def test_a_wiped_node_is_turned_away_and_rejoins(self):
        cluster = self.cluster(flags=FLAGS)
        leader = cluster.wait_leader()
        cluster.client(leader).set(b"key", b"value")
        node = cluster.nodes[leader]
        self.wipe(node)
        node.start()
        self.assertEqual(node.wait(), 3)
        self.assertIn("empty or old while the cluster knows this node", node.log_tail())
        node.flags.append("--rejoin")
        node.start()
        node.wait_for_line("holds again all that it ever acknowledged")
        other = cluster.wait_leader()
        poll_until(lambda: cluster.status(leader)["applied"] == cluster.status(other)["commit"], 10, "it to catch up")
        node.kill()
        node.start()  # the flag is of no effect now
        node.wait_for_line("has no effect")
        cluster.wait_writable()

    def test_a_directory_that_was_put_back_is_turned_away(self):
        cluster = self.cluster(flags=FLAGS)
        node = cluster.nodes[2]
        self.assertEqual(node.stop(), 0)
        copy = node.directory.with_name("copy")
        shutil.copytree(node.directory, copy)
        node.start()
        node.wait_for_line("follows node")
        self.wipe(node)
        shutil.move(copy, node.directory)
        node.start()
        self.assertEqual(node.wait(), 3)
        self.assertIn("put back to an older state", node.log_tail())
        for flags in [], ["--rejoin"]:
            node.flags += flags
            node.start()  # knows it by itself now
            self.assertEqual(node.wait(), 3)
            self.assertIn("another member has found out", node.log_tail())


if __name__ == "__main__":
    unittest.main()
