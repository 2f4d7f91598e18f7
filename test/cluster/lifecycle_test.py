"""Starting, stopping and dying: everything acknowledged is there afterwards, and exit statuses say what happened."""

import contextlib
import os
import signal
import subprocess
import time
import unittest

from support import ClusterTest, Node, Writer, free_ports, poll_until, read_all

IDLE_LIMIT = 0.02  # of one core
IDLE_SECONDS = 4


class Lifecycle(ClusterTest):
    def store(self, cluster, count=2000):
        entries = {b"key-%d" % number: b"value-%d" % number * 10 for number in range(count)}
        writer = Writer([node.listen for node in cluster.nodes.values()], window=64)
        writer.store(entries.items())
        writer.close()
        return entries

    def assert_all_there(self, cluster, entries):
        for number in cluster.nodes:
            self.assertEqual(dict(read_all(cluster.client(number), entries)), entries, f"through node {number}")

    def restart(self, cluster):
        for node in cluster.nodes.values():
            node.start()
        for node in cluster.nodes.values():
            node.wait_ready()
        cluster.wait_writable()

    def test_all_nodes_killed_and_started_again_have_everything_acknowledged(self):
        cluster = self.cluster()
        entries = self.store(cluster)
        for node in cluster.nodes.values():
            node.kill()
        self.restart(cluster)
        self.assert_all_there(cluster, entries)

    def test_all_nodes_killed_under_load_have_everything_that_was_acknowledged_by_then(self):
        cluster = self.cluster()
        acknowledged = {}

        class Enough(Exception):
            pass

        def note(entry, _):
            acknowledged.__setitem__(*entry)
            if len(acknowledged) == 3000:
                raise Enough

        writer = Writer([node.listen for node in cluster.nodes.values()], window=64)
        with self.assertRaises(Enough):
            writer.store(((b"k-%d" % number, b"v-%d" % number) for number in range(10000)), note)
        for node in cluster.nodes.values():
            node.kill()
        writer.close()
        self.restart(cluster)
        self.assert_all_there(cluster, acknowledged)

    def test_sigterm_ends_a_node_with_status_0_within_two_seconds_and_nothing_is_lost(self):
        cluster = self.cluster()
        entries = self.store(cluster, 500)
        follower = next(number for number in cluster.nodes if number != cluster.wait_leader())
        for number in (follower, cluster.wait_leader()):
            begin = time.monotonic()
            self.assertEqual(cluster.nodes[number].stop(), 0, cluster.nodes[number].log_tail())
            self.assertLess(time.monotonic() - begin, 2)
            cluster.nodes[number].start()
            cluster.nodes[number].wait_ready()
            cluster.wait_writable()
        self.assert_all_there(cluster, entries)
        for node in cluster.nodes.values():  # all of them, one after the other: the last has no majority any more
            begin = time.monotonic()
            self.assertEqual(node.stop(), 0, node.log_tail())
            self.assertLess(time.monotonic() - begin, 2)
        self.restart(cluster)
        self.assert_all_there(cluster, entries)

    def test_sigterm_answers_what_waits(self):
        cluster = self.cluster()
        leader = cluster.wait_leader()
        client = cluster.client(leader)
        sent = {client.post(b"SET", b"waits-%d" % number, b"v") for number in range(500)}
        cluster.nodes[leader].process.terminate()
        answered = {}
        while len(answered) < len(sent) and client.socket.poll(2500):
            number, reply = client.receive(0)
            answered[number] = reply
        self.assertEqual(cluster.nodes[leader].wait(), 0)
        acknowledged = [reply for reply in answered.values() if reply[0] == b"OK"]
        refused = {reply[1] for reply in answered.values() if reply[0] == b"ERR"}
        self.assertLessEqual(refused, {b"UNAVAILABLE", b"UNKNOWN"})
        self.assertGreater(len(acknowledged) + len(refused), 0, "nothing was answered")

    def test_a_data_directory_in_use_is_refused_with_status_3_and_the_reason(self):
        cluster = self.cluster(size=1)
        second = Node(1, cluster.nodes[1].directory, f"tcp://127.0.0.1:{free_ports(1)[0]}")
        second.log_path = cluster.directory / "second.log"
        second.start()
        self.assertEqual(second.wait(), 3)
        self.assertRegex(second.log_tail(), r"in use")
        self.assertIn(str(cluster.nodes[1].directory), second.log_tail())
        self.assertIsNotNone(cluster.client(1).set(b"unharmed", b"yes"))

    def test_a_data_directory_of_another_node_is_refused_with_status_3(self):
        cluster = self.cluster(size=1)
        self.assertEqual(cluster.nodes[1].stop(), 0)
        other = Node(2, cluster.nodes[1].directory, cluster.nodes[1].listen)
        other.log_path = cluster.directory / "other.log"
        other.start()
        self.assertEqual(other.wait(), 3, other.log_tail())

    def test_a_cluster_of_one_needs_no_peers(self):
        cluster = self.cluster(size=1)
        entries = self.store(cluster, 200)
        cluster.nodes[1].kill()
        self.restart(cluster)
        self.assert_all_there(cluster, entries)

    def test_a_node_whose_log_nobody_reads_serves_and_ends(self):
        cluster = self.cluster(size=1)
        node = cluster.nodes[1]
        self.assertEqual(node.stop(), 0)
        reader, full = os.pipe()
        os.set_blocking(full, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(full, bytes(4096))
        os.set_blocking(full, True)
        node.process = subprocess.Popen(node.command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=full)
        os.close(full)
        cluster.wait_writable()
        self.assertIsNotNone(cluster.client(1).set(b"unread", b"1"))
        self.assertEqual(node.stop(), 0)
        os.close(reader)

    def test_a_node_goes_on_when_who_read_its_log_is_gone(self):
        cluster = self.cluster(size=1, start=False)
        node = cluster.nodes[1]
        reader, writer = os.pipe()
        node.process = subprocess.Popen(node.command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=writer)
        os.close(writer)
        cluster.wait_writable()
        os.close(reader)
        for number in range(3):  # each makes it write a line
            node.process.send_signal(signal.SIGHUP)
            cluster.client(1).set(b"key-%d" % number, b"value")
        node.process.terminate()
        self.assertEqual(node.process.wait(5), 0)

    def test_sighup_reads_the_fsync_interval_again_and_refuses_a_wrong_file_as_a_whole(self):
        cluster = self.cluster(size=1, start=False)
        node = cluster.nodes[1]
        config = cluster.directory / "node.conf"
        node.flags += ["--ack", "written", "--config", str(config)]

        def interval_after(text):
            config.write_text(text, encoding="ascii")
            node.process.send_signal(signal.SIGHUP)

        config.write_text("fsync-interval = 1h\n", encoding="ascii")
        cluster.start()
        cluster.wait_writable()
        client = cluster.client(1)
        client.post(b"SET", b"key", b"value", b"SYNCED")  # waits for the hour, or until the interval is shorter
        interval_after("fsync-interval = 5ms\n")
        self.assertEqual(client.receive(5)[1][0], b"OK")
        self.assertEqual(cluster.status(1)["fsync_interval_us"], 5000)
        interval_after("fsync-interval = 7ms\nlog-level = loud\n")
        node.wait_for_line(r"SIGHUP: nothing was changed: .*log-level")
        self.assertEqual(cluster.status(1)["fsync_interval_us"], 5000)

    def test_idle_nodes_use_hardly_any_cpu(self):
        cluster = self.cluster()
        # A node that has just started still prepares its next log segment; one that spins never comes to rest.
        shares = poll_until(lambda: self.idle_shares(cluster), 30, "the nodes to come to rest")
        print("\nCPU of idle nodes: " + ", ".join(f"{share:.2%}" for share in shares))

    def idle_shares(self, cluster):
        """The nodes' shares of a core over some seconds; None when one is over the limit."""
        before = [node.cpu_seconds() for node in cluster.nodes.values()]
        begin = time.monotonic()
        poll_until(lambda: time.monotonic() - begin >= IDLE_SECONDS, IDLE_SECONDS + 5, "the time to pass", pause=1)
        passed = time.monotonic() - begin
        shares = [(node.cpu_seconds() - used) / passed for node, used in zip(cluster.nodes.values(), before)]
        return shares if max(shares) < IDLE_LIMIT else None


if __name__ == "__main__":
    unittest.main()
