"""The errors that need a cluster in trouble: no majority, an outcome nobody can tell, more than can be admitted."""

import unittest

from support import ClusterTest, NoReply, poll_until

SHORT = ["--request-timeout", "2500ms"]  # over the two seconds that a request waits for a leader


class Trouble(ClusterTest):
    def test_a_follower_left_alone_is_unavailable_in_bounded_time_and_a_local_get_still_answers(self):
        cluster = self.cluster(flags=SHORT)
        number = next(number for number in cluster.nodes if number != cluster.wait_leader())
        survivor = cluster.client(number)
        revision = survivor.set(b"before", b"1")
        self.assertEqual(survivor.get(b"before", b"LOCAL", b"MIN", b"%d" % revision), b"1")
        for other in set(cluster.nodes) - {number}:
            cluster.nodes[other].kill()
        poll_until(lambda: survivor.status()["leader"] == 0, 10, "the survivor to miss its leader")
        self.assert_error(b"UNAVAILABLE", survivor.ask(b"SET", b"lost", b"3"))
        self.assert_refused("UNAVAILABLE", survivor.get, b"before")
        self.assertEqual(survivor.get(b"before", b"LOCAL"), b"1")
        self.assertEqual(survivor.ask(b"PING"), [b"OK"])

    def test_a_leader_left_alone_serves_no_get_that_may_be_stale(self):
        cluster = self.cluster(flags=SHORT)
        leader = cluster.wait_leader()
        client = cluster.client(leader)
        client.set(b"before", b"1")
        for other in set(cluster.nodes) - {leader}:
            cluster.nodes[other].kill()
        self.assert_refused("UNAVAILABLE", client.get, b"before")
        reply = client.ask(b"SET", b"lost", b"2")
        self.assertIn(reply[1], (b"UNKNOWN", b"UNAVAILABLE"), reply)
        self.assertEqual(client.get(b"before", b"LOCAL"), b"1")

    def test_a_set_that_was_appended_and_not_committed_in_time_is_unknown(self):
        cluster = self.cluster(flags=SHORT)
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
        cluster = self.cluster(flags=[*SHORT, "--max-pending", "256KiB"])
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
