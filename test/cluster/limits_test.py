"""The errors that need a cluster in trouble: no majority, an outcome nobody can tell, more than can be admitted."""

import shutil
import time
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

    def test_min_that_is_not_reached_in_time_is_unavailable(self):
        cluster = self.cluster(size=1, flags=["--request-timeout", "300ms"])
        client = cluster.client(1)
        revision = client.set(b"key", b"1")
        for options in ((b"LOCAL",), ()):
            began = time.monotonic()
            self.assert_refused("UNAVAILABLE", client.get, b"key", b"MIN", b"%d" % (revision + 1000), *options)
            self.assertLess(time.monotonic() - began, 1.5)

    def test_a_request_timeout_below_the_wait_for_a_leader_is_kept(self):
        cluster = self.cluster(flags=["--request-timeout", "400ms"])
        number = next(number for number in cluster.nodes if number != cluster.wait_leader())
        survivor = cluster.client(number)
        for other in set(cluster.nodes) - {number}:
            cluster.nodes[other].kill()
        poll_until(lambda: survivor.status()["leader"] == 0, 10, "the survivor to miss its leader")
        for request in ((b"SET", b"key", b"1"), (b"GET", b"key")):
            began = time.monotonic()
            self.assert_error(b"UNAVAILABLE", survivor.ask(*request))
            self.assertLess(time.monotonic() - began, 1.5)  # not two seconds

    def test_a_session_beyond_the_limit_is_forgotten_and_since_tells_it_from_a_new_client(self):
        cluster = self.cluster(flags=["--max-sessions", "2"])
        client = cluster.client(1)
        began = client.set(b"begin", b"")
        first = client.set(b"key", b"1", b"ONCE", b"first", b"1", b"SINCE", b"%d" % began)
        for other in (b"second", b"third"):
            newest = client.set(other, b"v", b"ONCE", other, b"1")
        repeat = (b"SET", b"key", b"1", b"ONCE", b"first", b"1")
        for number in cluster.nodes:
            self.assert_error(b"STALE_NUMBER", cluster.client(number).ask(*repeat, b"SINCE", b"%d" % began))
        self.assertEqual(client.set(b"third", b"w", b"ONCE", b"third", b"1"), newest)
        client.set(b"new", b"v", b"ONCE", b"new", b"1", b"SINCE", b"%d" % newest)
        self.assertGreater(int(client.ask(*repeat)[1]), first)  # without SINCE nobody can tell
        for node in cluster.nodes.values():
            node.kill()
        cluster.start()
        cluster.wait_writable()
        forgotten = (b"SET", b"x", b"", b"ONCE", b"second", b"1", b"SINCE", b"1")
        self.assert_error(b"STALE_NUMBER", cluster.client(2).ask(*forgotten))

    def assert_odd_one_stops(self, flags, it_says, others_say, directory="as it was"):
        """A member that comes back with flags of its own ends with status 3, and the others go on."""
        cluster = self.cluster()
        odd = cluster.nodes[3]
        self.assertEqual(odd.stop(), 0)
        if directory == "new":
            shutil.rmtree(odd.directory)
        odd.flags += flags
        odd.start()
        self.assertEqual(odd.wait(), 3)
        self.assertRegex(odd.log_tail(), it_says)
        cluster.nodes[1].wait_for_line(others_say)
        poll_until(lambda: cluster.client(1).ask(b"SET", b"still", b"served")[0] == b"OK", 10, "a SET")

    def test_a_node_with_another_max_sessions_than_the_others_stops_with_status_3_and_they_go_on(self):
        self.assert_odd_one_stops(["--max-sessions", "7"], r"--max-sessions is 100000 there and 7 here",
                                  r"member 3 disagrees: --max-sessions is 7 there and 100000 here")

    def test_a_node_with_another_ack_than_the_others_stops_with_status_3_and_they_go_on(self):
        self.assert_odd_one_stops(["--ack", "written"], r"the members disagree.*--ack is synced there and written here",
                                  r"member 3 disagrees: --ack is written there and synced here")

    def test_a_node_of_another_cluster_than_the_others_stops_with_status_3_and_they_go_on(self):
        # Its old directory would be refused before anybody is heard.
        self.assert_odd_one_stops(["--cluster-name", "another"],
                                  r"the members disagree.*give all the same --cluster-name and member ids",
                                  r"refused a message .*give all the same --cluster-name and member ids",
                                  directory="new")

    def test_a_forwarded_once_outlives_its_leader(self):
        cluster = self.cluster()
        leader = cluster.wait_leader()
        number = next(number for number in cluster.nodes if number != leader)
        client = cluster.client(number)
        client.set(b"warm", b"up")
        cluster.nodes[leader].pause()
        try:
            reply = client.ask(b"SET", b"key", b"v", b"ONCE", b"patient", b"1")
            self.assertEqual(reply[0], b"OK", reply)
        finally:
            cluster.nodes[leader].go_on()
        self.assertEqual(client.ask(b"SET", b"key", b"v", b"ONCE", b"patient", b"1"), reply)

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
