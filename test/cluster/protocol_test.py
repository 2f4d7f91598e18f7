"""The client protocol as programs outside the project speak it: pyzmq and docs/protocol.md, nothing else."""

import itertools
import json
import threading
import unittest

import zmq
from support import ClusterTest, NoReply

CONTEXT = zmq.Context.instance()


def plain_socket(kind, endpoint):
    socket = CONTEXT.socket(kind)
    socket.setsockopt(zmq.LINGER, 0)
    socket.connect(endpoint)
    return socket


def receive(socket, timeout=8):
    if not socket.poll(int(timeout * 1000)):
        raise NoReply("no reply")
    return socket.recv_multipart()


class Proxy:
    """A ROUTER-DEALER proxy in front of a node, as brokers are built; ended with the block."""

    def __init__(self, backend):
        self.front, self.back = CONTEXT.socket(zmq.ROUTER), CONTEXT.socket(zmq.DEALER)
        self.control, self.command = CONTEXT.socket(zmq.PAIR), CONTEXT.socket(zmq.PAIR)
        for socket in (self.front, self.back, self.control, self.command):
            socket.setsockopt(zmq.LINGER, 0)
        self.port = self.front.bind_to_random_port("tcp://127.0.0.1", 10000, 32000)
        self.back.connect(backend)
        self.control.bind(f"inproc://proxy-{self.port}")
        self.command.connect(f"inproc://proxy-{self.port}")
        self.endpoint = f"tcp://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=zmq.proxy_steerable, args=(self.front, self.back, None, self.control))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.command.send(b"TERMINATE")
        self.thread.join()
        for socket in (self.front, self.back, self.control, self.command):
            socket.close()


class Protocol(ClusterTest):
    @classmethod
    def setUpClass(cls):
        cls.shared = ClusterTest()
        cls.shared.setUp()
        cls.nodes = cls.shared.cluster()

    @classmethod
    def tearDownClass(cls):
        for cluster in cls.shared.clusters:
            cluster.close()

    def endpoints(self):
        return [node.listen for node in self.nodes.nodes.values()]

    def client(self, number=1):
        return self.nodes.client(number)

    def test_a_req_socket_sets_and_gets_through_every_node(self):
        for place, endpoint in enumerate(self.endpoints()):
            key = b"req-%d" % place
            with plain_socket(zmq.REQ, endpoint) as socket:
                socket.send_multipart([b"SET", key, b"value \x00\xff"])
                ok, revision, durability = receive(socket)
                self.assertEqual((ok, durability), (b"OK", b"synced"))
                for other in self.endpoints():
                    with plain_socket(zmq.REQ, other) as reader:
                        reader.send_multipart([b"GET", key])
                        self.assertEqual(receive(reader), [b"OK", key, b"value \x00\xff", revision])

    def test_a_req_socket_with_correlation_gets_its_own_reply(self):
        socket = CONTEXT.socket(zmq.REQ)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.REQ_CORRELATE, 1)
        socket.setsockopt(zmq.REQ_RELAXED, 1)
        socket.connect(self.endpoints()[0])
        with socket:
            for number in range(5):
                socket.send_multipart([b"SET", b"correlated", b"%d" % number])
                self.assertEqual(receive(socket)[0], b"OK")

    def test_a_dealer_gets_its_envelope_back_untouched_through_every_node(self):
        for endpoint in self.endpoints():
            with plain_socket(zmq.DEALER, endpoint) as socket:
                for count in range(9):
                    envelope = [bytes([count, frame, 0xFF]) * (frame + 1) for frame in range(count)]
                    socket.send_multipart([*envelope, b"", b"SET", b"enveloped", b"%d" % count])
                    reply = receive(socket)
                    self.assertEqual(reply[:count + 2], [*envelope, b"", b"OK"])
                    socket.send_multipart([*envelope, b"", b"GET", b"enveloped"])
                    reply = receive(socket)
                    self.assertEqual(reply[:count + 4], [*envelope, b"", b"OK", b"enveloped", b"%d" % count])

    def test_an_envelope_frame_of_64_bytes_comes_back(self):
        with plain_socket(zmq.DEALER, self.endpoints()[0]) as socket:
            socket.send_multipart([b"e" * 64, b"", b"PING"])
            self.assertEqual(receive(socket), [b"e" * 64, b"", b"OK"])

    def test_a_dealer_pipelines_and_every_request_has_one_reply(self):
        with plain_socket(zmq.DEALER, self.endpoints()[1]) as socket:
            wanted = {b"%d" % number for number in range(2000)}
            for number in sorted(wanted):
                socket.send_multipart([number, b"", b"SET", b"pipelined-" + number, number])
            replies = [receive(socket) for _ in wanted]
            self.assertEqual({reply[0] for reply in replies}, wanted)
            self.assertEqual({tuple(reply[1:3]) for reply in replies}, {(b"", b"OK")})
            self.assertEqual(socket.poll(0), 0)

    def test_a_req_socket_works_through_a_broker(self):
        with Proxy(self.endpoints()[2]) as proxy, plain_socket(zmq.REQ, proxy.endpoint) as socket:
            socket.send_multipart([b"SET", b"brokered", b"yes"])
            self.assertEqual(receive(socket)[0], b"OK")
            socket.send_multipart([b"GET", b"brokered"])
            self.assertEqual(receive(socket)[:3], [b"OK", b"brokered", b"yes"])

    def test_a_probe_of_one_empty_frame_is_ignored(self):
        with plain_socket(zmq.DEALER, self.endpoints()[0]) as socket:
            socket.send_multipart([b""])
            socket.send_multipart([b"1", b"", b"PING"])
            self.assertEqual(receive(socket), [b"1", b"", b"OK"])

    def test_a_key_that_was_never_set_has_none(self):
        self.assertEqual(self.client().ask(b"GET", b"never set"), [b"NONE", b"never set"])

    def test_an_empty_value_is_a_value(self):
        self.client(1).set(b"empty", b"")
        self.assertEqual(self.client(2).get(b"empty"), b"")

    def test_the_largest_key_and_value_are_stored(self):
        key, value = b"\x00" * 1024, b"\xff" * (1 << 20)
        self.client(3).set(key, value)
        self.assertEqual(self.client(1).get(key), value)

    def test_revisions_rise_and_a_get_names_that_of_the_write(self):
        first = self.client(1).set(b"revised", b"1")
        second = self.client(2).set(b"revised", b"2")
        self.assertGreater(second, first)
        self.assertEqual(self.client(3).ask(b"GET", b"revised"), [b"OK", b"revised", b"2", b"%d" % second])

    def test_a_local_get_answers_from_this_node_and_min_waits_for_a_revision(self):
        revision = self.client(1).set(b"near", b"1")
        for number in self.nodes.nodes:
            reply = self.client(number).ask(b"GET", b"near", b"MIN", b"%d" % revision, b"LOCAL")
            self.assertEqual(reply, [b"OK", b"near", b"1", b"%d" % revision])

    def test_ping_is_answered_by_every_node(self):
        for number in self.nodes.nodes:
            self.assertEqual(self.client(number).ask(b"PING"), [b"OK"])

    def test_status_has_the_fields_of_the_contract_on_every_node(self):
        fields = {"id": int, "version": str, "generation": int, "members": list, "role": str, "leader": int, "term": int,
                  "commit": int, "applied": int, "first": int, "written": int, "synced": int, "durable": int,
                  "snapshot": int, "admission": str, "waits_for": list, "keys": int, "ack": str,
                  "fsync_interval_us": int, "at_risk": dict, "fsync_us": dict,
                  "peers": list, "uptime_s": (int, float), "traffic": dict}
        leader = self.nodes.wait_leader()
        for number in self.nodes.nodes:
            status = self.client(number).status()
            for name, kind in fields.items():
                self.assertIn(name, status)
                self.assertIsInstance(status[name], kind, name)
            self.assertEqual((status["id"], status["leader"], status["ack"]), (number, leader, "synced"))
            self.assertEqual(status["role"], "leader" if number == leader else "follower")
            self.assertEqual({member["id"] for member in status["members"]}, set(self.nodes.nodes))
            self.assertLessEqual({"entries", "bytes", "age_ms"}, set(status["at_risk"]))
            self.assertLessEqual({"requests", "answers", "bytes"}, set(status["traffic"]))
            self.assertGreater(min(status["traffic"].values()), 0)
            self.assertLessEqual({"count", "p50", "p99", "max"}, set(status["fsync_us"]))
        peers = self.client(leader).status()["peers"]
        self.assertEqual({peer["id"] for peer in peers}, set(self.nodes.nodes) - {leader})
        for peer in peers:
            self.assertLessEqual({"id", "match", "synced", "state", "rtt_us"}, set(peer))

    def test_the_json_of_status_is_one_object(self):
        reply = self.client().ask(b"STATUS")
        self.assertEqual((reply[0], len(reply)), (b"OK", 2))
        self.assertIsInstance(json.loads(reply[1]), dict)

    def test_a_set_repeated_with_once_is_stored_once_whichever_node_is_asked(self):
        first = self.client(1).set(b"once", b"mine", b"ONCE", b"client", b"5")
        self.client(2).set(b"once", b"another's")
        for number in self.nodes.nodes:
            reply = self.client(number).ask(b"SET", b"once", b"mine", b"ONCE", b"client", b"5", b"SYNCED")
            self.assertEqual(reply, [b"OK", b"%d" % first, b"synced"])
        self.assertEqual(self.client().get(b"once"), b"another's")

    def test_a_number_below_one_already_used_is_stale(self):
        self.client().set(b"stale", b"new", b"ONCE", b"stale-client", b"5")
        self.assert_error(b"STALE_NUMBER", self.client(2).ask(b"SET", b"stale", b"old", b"ONCE", b"stale-client", b"4"))
        self.assertEqual(self.client().get(b"stale"), b"new")

    def test_the_same_number_of_two_clients_is_two_writes(self):
        revisions = {self.client().set(b"two", b"v", b"ONCE", name, b"1") for name in (b"one-client", b"other-client")}
        self.assertEqual(len(revisions), 2)

    def test_if_stores_only_over_the_revision_it_names(self):
        for number in self.nodes.nodes:
            client, key = self.client(number), b"if-%d" % number
            first = client.set(key, b"1", b"IF", b"0")
            for wrong in (b"0", b"%d" % (first + 1)):
                reply = client.ask(b"SET", key, b"2", b"IF", wrong)
                self.assert_error(b"CONFLICT", reply)
                self.assertEqual(reply[3:], [b"%d" % first])
            second = client.set(key, b"2", b"IF", b"%d" % first)
            self.assertGreater(second, first)
            self.assertEqual(client.get(key), b"2")
        reply = self.client().ask(b"SET", b"if-nothing", b"v", b"IF", b"3")
        self.assert_error(b"CONFLICT", reply)
        self.assertEqual(reply[3:], [b"0"])
        self.assertIsNone(self.client().get(b"if-nothing"))

    def test_a_conflict_uses_the_number_up_and_is_repeated_as_it_was(self):
        revision = self.client().set(b"used-up", b"1")
        conflict = self.client().ask(b"SET", b"used-up", b"2", b"IF", b"0", b"ONCE", b"used-client", b"1")
        self.assert_error(b"CONFLICT", conflict)
        now = self.client().set(b"used-up", b"3")
        again = self.client(2).ask(b"SET", b"used-up", b"2", b"ONCE", b"used-client", b"1", b"IF", b"%d" % now)
        self.assertEqual(again[3:], [b"%d" % revision])
        self.assertEqual(self.client().get(b"used-up"), b"3")

    def test_options_may_stand_in_any_order(self):
        options = [[b"SINCE", b"0"], [b"SYNCED"], [b"IF", b"0"], [b"ONCE", b"order-client", b"%d"]]
        for number, order in enumerate(itertools.permutations(options), 1):
            frames = [frame % number if frame == b"%d" else frame for option in order for frame in option]
            self.client().set(b"order-%d" % number, b"v", *frames)

    def test_get_options_may_stand_together_and_are_served_by_every_node(self):
        revision = self.client(1).set(b"min", b"v")
        for number in self.nodes.nodes:
            client = self.client(number)
            for options in ((b"LOCAL", b"MIN", b"%d" % revision), (b"MIN", b"%d" % revision, b"LOCAL"),
                            (b"MIN", b"%d" % revision), (b"MIN", b"%d" % revision, b"SYNCED"), (b"SYNCED",)):
                self.assertEqual(client.get(b"min", *options), b"v", options)

    def test_what_is_malformed_is_a_bad_request(self):
        for request in ([b"FETCH", b"k"], [b"set", b"k", b"v"], [b"SET"], [b"SET", b"k"], [b"SET", b"", b"v"], [b"GET"],
                        [b"GET", b""], [b"GET", b"k", b"SOON"], [b"SET", b"k", b"v", b"LOCAL"], [b"PING", b"x"],
                        [b"STATUS", b"x"], [b"GET", b"k", b"MIN"], [b"GET", b"k", b"MIN", b"-1"],
                        [b"GET", b"k", b"MIN", b"1x"], [b"GET", b"k", b"MIN", b""], [b"GET", b"k", b"LOCAL", b"LOCAL"],
                        [b"GET", b"k", b"MIN", b"99999999999999999999999"], [b"SET", b"k", b"v", b"ONCE", b"c"],
                        [b"SET", b"k", b"v", b"ONCE", b"", b"1"], [b"SET", b"k", b"v", b"ONCE", b"c", b"0"],
                        [b"SET", b"k", b"v", b"IF"], [b"SET", b"k", b"v", b"SINCE", b"1"],
                        [b"SET", b"k", b"v", b"ONCE", b"c" * 65, b"1"], [b"SET", b"k", b"v", b"ONCE", b"c", b"x"],
                        [b"SET", b"k", b"v", b"IF", b"x"], [b"SET", b"k", b"v", b"IF", b"1", b"IF", b"1"],
                        [b"SET", b"k", b"v", b"ONCE", b"c", b"1", b"ONCE", b"c", b"2"],
                        [b"SET", b"k", b"v", b"SYNCED", b"SYNCED"], [b"GET", b"k", b"LOCAL", b"SYNCED"],
                        [b"SET", b"k", b"v", b"ONCE", b"c", b"1", b"SINCE"], [b""], [b"", b"PING"]):
            with self.subTest(request=request):
                self.assert_error(b"BAD_REQUEST", self.client().ask(*request))

    def test_what_is_over_its_limit_is_too_large(self):
        for request in ([b"SET", b"k" * 1025, b"v"], [b"GET", b"k" * 1025], [b"SET", b"k", b"v" * ((1 << 20) + 1)],
                        [b"SET", b"k", b"v" * (16 << 20)]):
            with self.subTest(sizes=[len(frame) for frame in request]):
                self.assert_error(b"TOO_LARGE", self.client().ask(*request))

    def test_a_message_without_an_empty_frame_is_a_bad_request_without_an_envelope(self):
        for frames in ([b"PING"], [b"SET", b"k", b"v"], [b"%d" % number for number in range(12)]):
            with self.subTest(frames=frames), plain_socket(zmq.DEALER, self.endpoints()[0]) as socket:
                socket.send_multipart(frames)
                reply = receive(socket)
                self.assertEqual(reply[:3], [b"", b"ERR", b"BAD_REQUEST"])


if __name__ == "__main__":
    unittest.main()
