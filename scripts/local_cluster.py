"""Nodes of Strata on this machine, and a client for them: for the demo, the cluster tests and the comparisons.

The client part is written from docs/protocol.md alone, with pyzmq (Debian's python3-zmq), and shares no code with the
project. Nothing here waits by sleeping: it waits for a line of a log, a message or the end of a process, with a bound.
"""

import ctypes
import itertools
import json
import os
import pathlib
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import zmq

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Where the programs are: a build directory.
BUILD = pathlib.Path(os.environ.get("STRATA_BUILD", ROOT / "build" / "release"))

LIBC = ctypes.CDLL(None)  # loaded here: between fork and exec as little as possible should happen

# Below the ephemeral range: a socket that keeps connecting to a dead port inside it can connect to itself.
PORTS = range(10000, 32000)


def build(*targets):
    """Builds these targets of the release preset, unless STRATA_BUILD names a build directory."""
    if "STRATA_BUILD" in os.environ:
        return
    print("building Strata", file=sys.stderr, flush=True)
    subprocess.run(["cmake", "--preset", "release"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", "build/release", "--target", *targets], cwd=ROOT, check=True, stdout=sys.stderr)


class NoReply(Exception):
    """Nothing came back within the time that the caller gave."""


class Refused(Exception):
    """The node answered ERR; `code` is the protocol's."""

    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code = code


def poll_until(condition, timeout, what, pause=0.01):
    """The first true value of `condition()`; TimeoutError after `timeout` seconds. For what sends no event."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout} s for {what}")
        select.select([], [], [], pause)


def free_ports(count):
    """Ports of 127.0.0.1 that nobody listens at now."""
    found = []
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError("no free ports")


def end_with_parent():
    """In the child: a node does not outlive the program that started it, however that one ends."""
    set_parent_death_signal = 1
    LIBC.prctl(set_parent_death_signal, signal.SIGKILL)


class Client:
    """One connection to one node: a DEALER that numbers its requests in an envelope frame."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.SNDHWM, 0)
        self.socket.setsockopt(zmq.RCVHWM, 0)
        self.socket.setsockopt(zmq.RECONNECT_IVL, 20)
        self.socket.setsockopt(zmq.RECONNECT_IVL_MAX, 200)
        self.socket.connect(endpoint)
        self.numbers = itertools.count(1)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def post(self, *frames):
        """Sends a request and returns its number."""
        number = b"%d" % next(self.numbers)
        self.socket.send_multipart([number, b"", *frames])
        return number

    def receive(self, timeout):
        """The next reply of any request: its number and its frames. NoReply after `timeout` seconds."""
        if not self.socket.poll(max(0, int(timeout * 1000))):
            raise NoReply(f"{self.endpoint} did not answer in {timeout:.1f} s")
        number, empty, *reply = self.socket.recv_multipart()
        assert empty == b"", reply
        return number, reply

    def ask(self, *frames, timeout=8):
        """Sends one request and returns the frames of its reply; replies to earlier ones are dropped."""
        wanted = self.post(*frames)
        deadline = time.monotonic() + timeout
        while True:
            number, reply = self.receive(deadline - time.monotonic())
            if number == wanted:
                return reply

    def _ok(self, reply):
        if reply[0] == b"ERR":
            raise Refused(reply[1].decode(), reply[2].decode())
        return reply

    def set(self, key, value, *options, timeout=8):
        """Stores; returns the revision. Refused when the node says no."""
        reply = self._ok(self.ask(b"SET", key, value, *options, timeout=timeout))
        assert reply[0] == b"OK" and len(reply) == 3, reply
        return int(reply[1])

    def get(self, key, *options, timeout=8):
        """The value, None when there is none. Refused when the node says no."""
        reply = self._ok(self.ask(b"GET", key, *options, timeout=timeout))
        if reply[0] == b"NONE":
            assert reply == [b"NONE", key], reply
            return None
        assert reply[0] == b"OK" and reply[1] == key and len(reply) == 4, reply
        return reply[2]

    def status(self, timeout=2):
        """The node's own view, as a dictionary."""
        reply = self._ok(self.ask(b"STATUS", timeout=timeout))
        assert reply[0] == b"OK" and len(reply) == 2, reply
        return json.loads(reply[1])


class Node:
    """One kv-node process. Its standard error is kept in `log_path`, and watched for lines one may wait for."""

    def __init__(self, number, directory, listen, cluster="", flags=()):
        self.number = number
        self.directory = pathlib.Path(directory)
        self.listen = listen
        self.cluster = cluster
        self.flags = list(flags)
        self.environment = {}  # besides this process's own
        self.log_path = self.directory.parent / f"node{number}.log"
        self.process = None
        self._lines = []
        self._changed = threading.Condition()
        self._reader = None

    def command(self):
        command = [str(BUILD / "kv-node"), "--id", str(self.number), "--listen", self.listen,
                   "--data-dir", str(self.directory)]
        if self.cluster:
            command += ["--cluster", self.cluster]
        return command + self.flags

    def start(self):
        assert not self.running(), "it runs already"
        self._lines = []
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, preexec_fn=end_with_parent,
                                        env={**os.environ, **self.environment})
        self._reader = threading.Thread(target=self._read, args=(self.process.stderr,), daemon=True)
        self._reader.start()

    def _read(self, stream):
        with stream, open(self.log_path, "ab") as log:
            for line in stream:
                log.write(line)
                log.flush()
                with self._changed:
                    self._lines.append(line.decode(errors="replace"))
                    self._changed.notify_all()
        with self._changed:
            self._lines.append(None)  # the end
            self._changed.notify_all()

    def wait_for_line(self, pattern, timeout=10):
        """The first line of this run that the regular expression is found in."""
        expression = re.compile(pattern)
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                for line in self._lines:
                    if line is None:
                        raise RuntimeError(f"node {self.number} ended before it said {pattern!r}:\n{self.log_tail()}")
                    if expression.search(line):
                        return line
                if not self._changed.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"node {self.number} did not say {pattern!r}:\n{self.log_tail()}")

    def wait_ready(self, timeout=30):
        self.wait_for_line(r"\bready\b", timeout)

    def lines(self):
        with self._changed:
            return [line for line in self._lines if line is not None]

    def log_tail(self, count=15):
        return "".join(line for line in self._lines[-count:] if line is not None)

    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """SIGKILL, as kill -9 does it; returns when the process is gone."""
        self.process.kill()
        self._ended(10)

    def stop(self, timeout=10):
        """SIGTERM; returns the exit status."""
        if self.running():
            self.process.terminate()
        return self._ended(timeout)

    def wait(self, timeout=10):
        """Waits for the process to end by itself; returns the exit status."""
        return self._ended(timeout)

    def _ended(self, timeout):
        status = self.process.wait(timeout)
        self._reader.join(timeout)
        return status

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Cluster:
    """Nodes with peers on loopback, in a directory of their own that goes away unless something failed."""

    def __init__(self, size=3, flags=(), directory=None):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="strata-", dir=directory))
        ports = free_ports(2 * size)
        members = ",".join(f"{i + 1}=tcp://127.0.0.1:{ports[i]}" for i in range(size)) if size > 1 else ""
        self.nodes = {i + 1: Node(i + 1, self.directory / f"data{i + 1}", f"tcp://127.0.0.1:{ports[size + i]}",
                                  members, flags) for i in range(size)}
        self.clients = {}

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close(keep=kind is not None and issubclass(kind, Exception))

    def start(self):
        for node in self.nodes.values():
            node.start()
        for node in self.nodes.values():
            node.wait_ready()
        return self

    def endpoints(self):
        return ",".join(node.listen for node in self.nodes.values())

    def client(self, number):
        """The cluster's own client of a node; it is closed with the cluster."""
        if number not in self.clients:
            self.clients[number] = Client(self.nodes[number].listen)
        return self.clients[number]

    def status(self, number):
        """STATUS of a node, None when it does not run or does not answer."""
        if not self.nodes[number].running():
            return None
        try:
            return self.client(number).status(timeout=1)
        except NoReply:
            return None

    def leader_now(self):
        """The node that says it leads in the newest term, None when none does."""
        views = [status for number in self.nodes if (status := self.status(number))]
        leading = [view for view in views if view["role"] == "leader"]
        return max(leading, key=lambda view: view["term"])["id"] if leading else None

    def wait_leader(self, other_than=None, timeout=10):
        def found():
            leader = self.leader_now()
            return leader if leader != other_than else None
        return poll_until(found, timeout, "a leader")

    def wait_writable(self, timeout=15):
        """Until every running node answers a SET with OK."""
        for number, node in self.nodes.items():
            if node.running():
                poll_until(lambda n=number: self._writes(n), timeout, f"node {number} to take a SET")

    def _writes(self, number):
        try:
            self.client(number).set(b"wait-writable", b"%d" % number, timeout=6)
            return True
        except (NoReply, Refused):
            return False

    def close(self, keep=False):
        for client in self.clients.values():
            client.close()
        self.clients = {}
        for node in self.nodes.values():
            if node.running():
                node.kill()
        if keep:
            print(f"logs and data are kept in {self.directory}", file=sys.stderr)
            for node in self.nodes.values():
                print(f"-- node {node.number}, last lines:\n{node.log_tail()}", file=sys.stderr)
        else:
            shutil.rmtree(self.directory, ignore_errors=True)


class Writer:
    """Stores many entries through several nodes at once and sees to it that each is acknowledged.

    A request that gets no answer in time, or UNAVAILABLE, UNKNOWN or BUSY, is sent again to the next node. To store
    the same value under the same key twice changes nothing, so a repeat is harmless here.
    """

    AGAIN = {b"UNAVAILABLE", b"UNKNOWN", b"BUSY"}

    def __init__(self, endpoints, window=16, patience=0.25):
        self.clients = [Client(endpoint) for endpoint in endpoints]
        self.places = {client.socket: place for place, client in enumerate(self.clients)}
        self.window = window
        self.patience = patience
        self.repeated = 0
        self._turn = itertools.count()
        self._waiting = []
        self._flying = {}  # (client's place, number) -> (entry, when it was sent)

    def store(self, entries, on_acknowledged=lambda entry, sent_at: None, timeout=120):
        """`entries`: pairs of bytes. `on_acknowledged` gets each, and the monotonic time when it was last sent."""
        self._waiting = list(reversed(list(entries)))
        poller = zmq.Poller()
        for client in self.clients:
            poller.register(client.socket, zmq.POLLIN)
        end = time.monotonic() + timeout
        while self._waiting or self._flying:
            if time.monotonic() > end:
                raise TimeoutError(f"{len(self._waiting) + len(self._flying)} entries not stored after {timeout} s")
            while self._waiting and len(self._flying) < self.window:
                self._send(self._waiting.pop())
            for ready, _ in poller.poll(20):
                self._receive(self.places[ready], on_acknowledged)
            self._give_up_late()

    def close(self):
        for client in self.clients:
            client.close()

    def _send(self, entry):
        place = next(self._turn) % len(self.clients)
        number = self.clients[place].post(b"SET", *entry)
        self._flying[place, number] = (entry, time.monotonic())

    def _receive(self, place, on_acknowledged):
        number, reply = self.clients[place].receive(0)
        entry, sent_at = self._flying.pop((place, number), (None, 0))
        if entry is None:
            return  # given up before, and sent again
        if reply[0] == b"OK":
            on_acknowledged(entry, sent_at)
        elif reply[1] in self.AGAIN:
            self._again(entry)
        else:
            raise Refused(reply[1].decode(), reply[2].decode())

    def _again(self, entry):
        self.repeated += 1
        self._waiting.append(entry)

    def _give_up_late(self):
        late = time.monotonic() - self.patience
        for key in [key for key, (_, sent_at) in self._flying.items() if sent_at < late]:
            self._again(self._flying.pop(key)[0])


def read_all(client, keys, window=64, timeout=60):
    """GETs every key through one node; yields pairs of key and value (None: there is none)."""
    keys = iter(keys)
    flying = {client.post(b"GET", key): key for key in itertools.islice(keys, window)}
    deadline = time.monotonic() + timeout
    while flying:
        number, reply = client.receive(deadline - time.monotonic())
        key = flying.pop(number, None)
        if key is None:
            continue
        if reply[0] == b"ERR" and reply[1] in Writer.AGAIN:
            flying[client.post(b"GET", key)] = key
            continue
        if reply[0] == b"ERR":
            raise Refused(reply[1].decode(), reply[2].decode())
        yield key, (None if reply[0] == b"NONE" else reply[2])
        following = next(keys, None)
        if following is not None:
            flying[client.post(b"GET", following)] = following
