"""What is not a request, or not even ZeroMQ, harms no other client: while it arrives, a client that behaves is served."""

import contextlib
import os
import random
import socket
import struct
import threading
import unittest

import zmq
from support import Client, ClusterTest, poll_until

# ZMTP 3.0: signature, version, the NULL mechanism, as a client; then READY.
GREETING = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\x00") + b"\x00" + bytes(31)


def ready(socket_type):
    properties = b"\x05READY" + b"\x0bSocket-Type" + struct.pack(">I", len(socket_type)) + socket_type
    return b"\x04" + bytes([len(properties)]) + properties


def long_frame(flags, length):
    return bytes([flags | 2]) + struct.pack(">Q", length)


class Bystander:
    """A client that sets and gets all the time; it notes whatever is not as it should be."""

    def __init__(self, endpoint):
        self.endpoint, self.served, self.wrong = endpoint, 0, []
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def __enter__(self):
        self.thread.start()
        poll_until(lambda: self.served or self.wrong, 20, "the bystander to be served")
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()

    def _run(self):
        with Client(self.endpoint) as client:
            while not self.ending.is_set():
                try:
                    value = b"%d" % self.served
                    client.set(b"bystander", value, timeout=3)
                    if client.get(b"bystander", timeout=3) != value:
                        raise AssertionError("another value came back")
                    self.served += 1
                except Exception as exception:  # the test's thread reports it
                    self.wrong.append(exception)
                    return


class Malformed(ClusterTest):
    def setUp(self):
        super().setUp()
        self.node = self.cluster(size=1).nodes[1]
        self.address = ("127.0.0.1", int(self.node.listen.rsplit(":", 1)[1]))
        self.peer_free = None

    @contextlib.contextmanager
    def bystander(self):
        with Bystander(self.node.listen) as bystander:
            yield
            before = bystander.served
            poll_until(lambda: bystander.wrong or bystander.served > before + 5, 20, "the bystander to be served on")
        self.assertEqual(bystander.wrong, [])
        self.assertTrue(self.node.running(), self.node.log_tail())

    def raw(self, *chunks):
        """Opens a connection, sends the chunks as far as the node takes them, and leaves."""
        with socket.create_connection(self.address, timeout=5) as connection:
            with contextlib.suppress(OSError):
                for chunk in chunks:
                    connection.sendall(chunk)

    def test_noise_on_the_port_is_dropped(self):
        noise = random.Random(1)
        with self.bystander():
            for _ in range(50):
                self.raw(noise.randbytes(noise.randrange(1, 4000)))

    def test_other_protocols_on_the_port_are_dropped(self):
        with self.bystander():
            self.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.raw(b"*1\r\n$4\r\nPING\r\n")
            self.raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500))

    def test_handshakes_that_are_cut_short_are_dropped(self):
        whole = GREETING + ready(b"DEALER")
        with self.bystander():
            for length in range(1, len(whole)):
                self.raw(whole[:length])

    def test_handshakes_of_other_kinds_of_socket_are_dropped(self):
        with self.bystander():
            for kind in (b"SUB", b"PULL", b"NONSENSE", b""):
                self.raw(GREETING, ready(kind), b"\x00\x04PING")

    def test_frames_that_claim_enormous_lengths_are_dropped(self):
        with self.bystander():
            for length in ((16 << 20) + (64 << 10) + 1, 1 << 31, 1 << 40, (1 << 63) - 1, (1 << 64) - 1):
                self.raw(GREETING, ready(b"DEALER"), long_frame(0, length), bytes(1000))

    def test_messages_that_end_in_the_middle_of_a_frame_are_dropped(self):
        with self.bystander():
            for _ in range(20):
                self.raw(GREETING, ready(b"DEALER"), b"\x01\x00", b"\x01\x03SET", b"\x01\x01k", long_frame(0, 1000), bytes(10))

    def test_frames_of_random_content_are_answered_or_dropped(self):
        noise = random.Random(2)
        with self.bystander():
            dealer = zmq.Context.instance().socket(zmq.DEALER)
            dealer.setsockopt(zmq.LINGER, 0)
            dealer.connect(self.node.listen)
            with dealer:
                words = [b"", b"SET", b"GET", b"STATUS", b"PING", b"k", b"LOCAL", b"MIN", b"ONCE", b"IF", b"1", b"0"]
                for _ in range(3000):
                    frames = [noise.choice(words) if noise.random() < 0.7 else noise.randbytes(noise.randrange(70))
                              for _ in range(noise.randrange(1, 14))]
                    dealer.send_multipart(frames)
                dealer.send_multipart([b"last", b"", b"PING"])
                replies = 0
                while dealer.poll(10000):
                    replies += 1
                    if dealer.recv_multipart() == [b"last", b"", b"OK"]:
                        break
                self.assertGreater(replies, 1000)

    def test_a_message_that_is_too_long_in_many_frames_harms_nobody(self):
        with self.bystander():
            dealer = zmq.Context.instance().socket(zmq.DEALER)
            dealer.setsockopt(zmq.LINGER, 0)
            dealer.connect(self.node.listen)
            with dealer:
                dealer.send_multipart([b"1", b"", b"SET", b"k", *[os.urandom(1000)] * 20000])
                if dealer.poll(5000):  # it may be answered or dropped
                    self.assertEqual(dealer.recv_multipart()[2], b"ERR")

    def test_a_client_that_never_reads_its_replies_harms_nobody(self):
        with self.bystander():
            dealer = zmq.Context.instance().socket(zmq.DEALER)
            dealer.setsockopt(zmq.LINGER, 0)
            dealer.setsockopt(zmq.RCVHWM, 1)
            dealer.connect(self.node.listen)
            with dealer:
                for number in range(20000):
                    try:
                        dealer.send_multipart([b"%d" % number, b"", b"GET", b"bystander"], zmq.DONTWAIT)
                    except zmq.Again:
                        break


if __name__ == "__main__":
    unittest.main()
