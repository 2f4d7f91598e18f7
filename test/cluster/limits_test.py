"""The errors that need a cluster in trouble: no majority, an outcome nobody can tell, more than can be admitted."""

import unittest

from support import ClusterTest, NoReply


class Trouble(ClusterTest):
    def test_without_a_majority_a_set_is_unavailable_within_its_time_and_a_local_get_still_answers(self):
        cluster = self.cluster()
        cluster.client(1).set(b"before", b"1")
        survivor = cluster.client(1)
        revision = survivor.set(b"last", b"2")
        self.assertEqual(survivor.get(b"last", b"LOCAL", b"MIN", b"%d" % revision), b"2")
        for number in (2, 3):
            cluster.nodes[number].kill()
        self.wait_without_leader(cluster, 1)
        reply = survivor.ask(b"SET", b"lost", b"3", timeout=8)
        self.assert_error(b"UNAVAILABLE", reply)
        self.assert_refused("UNAVAILABLE", survivor.get, b"before")
        self.assertEqual(survivor.get(b"before", b"LOCAL"), b"1")
        self.assertEqual(survivor.ask(b"PING"), [b"OK"])

    def wait_without_leader(self, cluster, number):
        """A leader that was cut off takes SETs into its log until it steps down: those are UNKNOWN, not UNAVAILABLE."""
        for _ in range(20):
            reply = cluster.client(number).ask(b"SET", b"probe", b"", timeout=8)
            if reply[0] == b"ERR" and reply[1] == b"UNAVAILABLE":
                return
        self.fail(f"still not UNAVAILABLE: {reply}")

    def test_a_set_that_was_appended_and_not_committed_in_time_is_unknown(self):
        cluster = self.cluster()
        leader = cluster.wait_leader()
        for number in cluster.nodes:
            if number != leader:
                cluster.nodes[number].pause()
        reply = cluster.client(leader).ask(b"SET", b"doubtful", b"1", timeout=10)
        self.assert_error(b"UNKNOWN", reply)
        for number in cluster.nodes:
            if number != leader:
                cluster.nodes[number].go_on()
        cluster.wait_writable()
        self.assertIn(cluster.client(leader).get(b"doubtful"), (None, b"1"))

    def test_more_than_the_node_admits_is_busy_and_everything_is_answered(self):
        cluster = self.cluster(flags=["--max-pending", "256KiB"])
        leader = cluster.wait_leader()
        for number in cluster.nodes:
            if number != leader:
                cluster.nodes[number].pause()
        client = cluster.client(leader)
        sent = {client.post(b"SET", b"flood-%d" % number, bytes(10000)) for number in range(200)}
        codes = {}
        while sent:
            try:
                number, reply = client.receive(10)
            except NoReply:
                self.fail(f"{len(sent)} requests were never answered")
            sent.discard(number)
            codes[reply[1]] = codes.get(reply[1], 0) + 1
        self.assertGreater(codes.get(b"BUSY", 0), 100, codes)
        self.assertEqual(set(codes) - {b"BUSY", b"UNKNOWN", b"UNAVAILABLE"}, set(), codes)


if __name__ == "__main__":
    unittest.main()
