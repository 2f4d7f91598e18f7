"""Disks that are full, hang or fail, under real processes: a library that is preloaded into them answers for the disk
(bad_disk.cpp). One is full by a limit that the kernel itself keeps."""

import pathlib
import resource
import time
import unittest

from support import BUILD, ClusterTest, NoReply, Refused, poll_until

KIB = 1024
SEGMENT = 256 * KIB
ELECTION_TIMEOUT = 0.5  # the default


def limit_files(node, size):
    """From now on no file of the node may reach beyond `size` bytes; None: any size."""
    hard = resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, (hard if size is None else size, hard))


class FailingDisk(ClusterTest):
    def small_cluster(self, size, flags=()):
        cluster = self.cluster(size, ["--segment-size", f"{SEGMENT // KIB}KiB", *flags], start=False)
        for number, node in cluster.nodes.items():
            node.flags += ["--run-dir", str(cluster.directory / f"run{number}")]
            node.environment = {"LD_PRELOAD": str(BUILD / "test" / "cluster" / "bad_disk.so"),
                                "STRATA_TEST_DISK": str(cluster.directory / f"disk{number}")}
        cluster.start()
        cluster.wait_writable()
        return cluster

    def disk_is(self, cluster, number, condition):
        """From the next call on."""
        whole = cluster.directory / "disk.tmp"
        whole.write_text(condition)
        whole.rename(cluster.directory / f"disk{number}")

    def marks(self, cluster, number):
        return list((cluster.directory / f"run{number}").glob("*.run"))

    def fill(self, client, kib):
        for number in range(kib // 4):
            client.set(b"key-%d" % number, bytes(4 * KIB))

    def wait_other_leader(self, cluster, old, since):
        """The node, and the seconds until then. The old one may be about to end, and is not asked."""
        others = [number for number in cluster.nodes if number != old]

        def found():
            return next((n for n in others if cluster.client(n).status()["role"] == "leader"), None)
        return poll_until(found, 10, "another leader"), time.monotonic() - since

    # ---- Full ----

    def test_a_full_disk_takes_no_sets_serves_reads_and_heals_by_itself(self):
        cluster = self.small_cluster(1)
        node, client = cluster.nodes[1], cluster.client(1)
        limit_files(node, SEGMENT - 8 * KIB)  # there is room in this segment, and none for another
        with self.assertRaises(Refused) as refused:
            self.fill(client, SEGMENT // KIB)
        self.assertEqual(refused.exception.code, "UNAVAILABLE")
        self.assertIn("disk is full", str(refused.exception))
        self.assertEqual(client.status()["disk"], "full")
        self.assertEqual(client.get(b"key-0"), bytes(4 * KIB))
        limit_files(node, None)
        node.wait_for_line("the disk has room for the log again")
        client.set(b"key", b"value")
        self.assertEqual(client.status()["disk"], "ok")
        self.assertEqual(node.stop(), 0)

    def test_a_full_leader_hands_over_to_one_that_has_room_and_takes_part_again_when_it_has_room_itself(self):
        cluster = self.small_cluster(3)
        full = cluster.wait_leader()
        self.disk_is(cluster, full, "full")
        refusals = []
        for number in range(3 * SEGMENT // KIB // 4):  # more than its segment takes
            try:
                cluster.client(full).set(b"key-%d" % number, bytes(4 * KIB))
            except Refused as error:
                refusals.append(str(error))
        self.assertLessEqual(len(refusals), 1, refusals)  # what was on its way when the disk was found to be full
        cluster.nodes[full].wait_for_line("hands over the leadership in term .*: its disk is full")
        leader = cluster.wait_leader()
        self.assertNotEqual(leader, full)
        self.assertEqual(cluster.status(full)["disk"], "full")
        self.disk_is(cluster, full, "well")
        cluster.nodes[full].wait_for_line("the disk has room for the log again")
        commit = cluster.status(leader)["commit"]
        poll_until(lambda: cluster.status(full)["synced"] >= commit, 10, "the full one to catch up")
        self.assertEqual(cluster.client(full).get(b"key-0"), bytes(4 * KIB))

    # ---- Hung ----

    def test_a_leader_whose_disk_hangs_hands_over_within_three_election_timeouts(self):
        for flags in [], ["--ack", "written", "--fsync-interval", "5ms"]:
            with self.subTest(flags=flags):
                cluster = self.small_cluster(3, flags)
                old = cluster.wait_leader()
                self.disk_is(cluster, old, "hung")
                begun = time.monotonic()
                cluster.client(old).set(b"key", b"value")  # the others' disks do for it
                leader, seconds = self.wait_other_leader(cluster, old, begun)
                self.assertLessEqual(seconds, 3 * ELECTION_TIMEOUT)
                cluster.client(leader).set(b"key", b"another")
                self.assertIn(cluster.client(old).get(b"key", b"LOCAL"), [b"value", b"another"])
                self.assertEqual(cluster.status(old)["disk"], "stalled")
                term = cluster.status(leader)["term"]
                self.disk_is(cluster, old, "well")
                poll_until(lambda: cluster.status(old)["disk"] == "ok", 10, "the disk to have done what it owes")
                self.assertEqual(cluster.status(leader)["term"], term)
                cluster.client(old).set(b"key", b"at last")

    def test_a_follower_whose_disk_hangs_causes_no_election(self):
        cluster = self.small_cluster(3)
        leader = cluster.wait_leader()
        term = cluster.status(leader)["term"]
        hung = min(set(cluster.nodes) - {leader})
        self.disk_is(cluster, hung, "hung")
        end = time.monotonic() + 6 * ELECTION_TIMEOUT
        while time.monotonic() < end:
            cluster.client(leader).set(b"key", b"value", timeout=ELECTION_TIMEOUT)
        self.assertEqual(cluster.status(hung)["disk"], "stalled")
        self.disk_is(cluster, hung, "well")
        poll_until(lambda: cluster.status(hung)["disk"] == "ok", 10, "the disk to have done what it owes")
        self.assertEqual([cluster.status(number)["term"] for number in cluster.nodes], [term] * 3)

    # ---- Failed ----

    def leader_fails(self, condition, flags, comes_back):
        cluster = self.small_cluster(3, flags)
        failing = cluster.wait_leader()
        node, client = cluster.nodes[failing], cluster.client(failing)
        self.fill(client, 32)
        self.assertEqual(len(self.marks(cluster, failing)), 1)
        self.disk_is(cluster, failing, condition)
        begun = time.monotonic()
        try:
            client.set(b"key", b"value")
        except (Refused, NoReply) as error:
            self.assertEqual(getattr(error, "code", "UNKNOWN"), "UNKNOWN")
        leader, seconds = self.wait_other_leader(cluster, failing, begun)
        self.assertLess(seconds, ELECTION_TIMEOUT)  # it was told to campaign
        self.assertEqual(node.wait(), 5)
        self.assertEqual(self.marks(cluster, failing), [])
        cluster.client(leader).set(b"after", b"value")
        self.disk_is(cluster, failing, "well")
        node.start()
        node.wait_ready()
        node.wait_for_line(comes_back)
        node.wait_for_line("what no sync is known to have covered is written again")
        poll_until(lambda: cluster.status(failing)["leader"] == leader, 10, "it to follow")
        self.assertEqual(cluster.client(failing).get(b"after"), b"value")

    def test_a_leader_whose_write_fails_hands_over_ends_with_5_and_comes_back(self):
        self.leader_fails("failing", [], "the log's disk has failed")

    def test_a_leader_whose_sync_fails_hands_over_ends_with_5_and_comes_back(self):
        self.leader_fails("failing-sync", [], "the log's disk has failed")

    def test_a_node_whose_disk_fails_while_it_starts_ends_with_5(self):
        cluster = self.small_cluster(1)
        node = cluster.nodes[1]
        cluster.client(1).set(b"key", b"value")
        node.kill()
        for condition in "failing", "failing-sync":
            with self.subTest(condition=condition):
                self.disk_is(cluster, 1, condition)
                node.start()
                self.assertEqual(node.wait(), 5, node.log_tail())
                self.assertIn("Input/output error", node.log_tail())
        self.disk_is(cluster, 1, "well")
        node.start()
        node.wait_ready()
        cluster.wait_writable()
        self.assertEqual(cluster.client(1).get(b"key"), b"value")

    def test_a_node_whose_disk_hangs_while_it_starts_ends_at_once_when_it_is_asked_to(self):
        cluster = self.small_cluster(1)
        node = cluster.nodes[1]
        self.assertEqual(node.stop(), 0)
        self.disk_is(cluster, 1, "hung")
        node.start()
        descriptors = pathlib.Path(f"/proc/{node.process.pid}/fd")
        poll_until(lambda: any(path.readlink().name == "lock" for path in descriptors.iterdir()), 10, "it to start")
        self.assertEqual(node.stop(timeout=2), 0)
        self.assertEqual(node.lines(), [])

    def test_a_leader_whose_sync_fails_at_written_comes_back_recovering(self):
        self.leader_fails("failing-sync", ["--ack", "written", "--fsync-interval", "5ms"], "recovering")


if __name__ == "__main__":
    unittest.main()
