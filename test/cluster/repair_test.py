"""One flipped bit in the middle of the log of a real node: in a cluster it is repaired from the others while the
cluster serves, and nothing is lost; a node alone refuses, with file, offset and index."""

import itertools
import json
import subprocess
import threading
import unittest

import wal_reader
from support import BUILD, ClusterTest, NoReply, Refused, Writer, read_all

SMALL = ["--segment-size", "256KiB"]


def kv_wal(*arguments):
    return subprocess.run([str(BUILD / "kv-wal"), *map(str, arguments)], stdin=subprocess.DEVNULL, text=True,
                          check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)


def dump(directory):
    return [json.loads(line) for line in kv_wal("dump", directory, "--json").stdout.splitlines()]


def flip(path, offset):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 4]))


class Load:
    """SETs through one node after the other, on a thread, as long as it is open; keeps what was acknowledged."""

    def __init__(self, cluster, without):
        self.clients = [cluster.client(number) for number in cluster.nodes if number != without]
        self.stored, self.ended = {}, threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        for number in itertools.count():
            if self.ended.is_set():
                return
            key, value = b"load-%d" % number, b"value-%d" % number
            try:
                self.clients[number % len(self.clients)].set(key, value)
                self.stored[key] = value
            except (NoReply, Refused):
                pass

    def end(self):
        self.ended.set()
        self.thread.join()
        return self.stored


class Repair(ClusterTest):
    def store(self, cluster, count):
        entries = {b"key-%d" % number: b"value-%d" % number for number in range(count)}
        writer = Writer([node.listen for node in cluster.nodes.values()], window=64)
        writer.store(entries.items())
        writer.close()
        return entries

    def damage_middle(self, node, part):
        """Flips a bit in the record in the middle of the log of a node that does not run; returns where."""
        entries = dump(node.directory)
        victim = entries[len(entries) // 2]
        flip(node.directory / victim["file"], victim["offset"] + part)
        return victim

    def repaired(self, choose, part):
        cluster = self.cluster(3, SMALL)
        entries = self.store(cluster, 4000)
        number = choose(cluster)
        node = cluster.nodes[number]
        load = Load(cluster, number)
        try:
            node.kill()
            victim = self.damage_middle(node, part)
            node.start()
            node.wait_for_line(rf"{victim['file']} is damaged at offset {victim['offset']}, index {victim['index']}: ")
            node.wait_ready()
            node.wait_for_line(rf"1 damaged entries are repaired, indexes {victim['index']} to {victim['index']}")
            node.wait_for_line("holds again all that it ever acknowledged")
            answered = len(load.stored)
            while len(load.stored) < answered + 20:
                self.assertTrue(load.thread.is_alive())
        finally:
            entries.update(load.end())
        for member in cluster.nodes:
            self.assertEqual(dict(read_all(cluster.client(member), entries)), entries, f"through node {member}")
        node.stop()
        said = kv_wal("verify", node.directory)
        self.assertEqual(said.returncode, 0, said.stdout)
        self.assertIn(f"repaired: {victim['file']}: offset {victim['offset']}", said.stdout)
        shown = {entry["index"]: entry for entry in dump(node.directory)}
        self.assertEqual(shown, wal_reader.read(node.directory))
        self.assertNotEqual(shown[victim["index"]]["offset"], victim["offset"])

    def test_a_follower_with_a_flipped_bit_is_repaired_while_the_cluster_serves(self):
        self.repaired(lambda cluster: min(set(cluster.nodes) - {cluster.wait_leader()}), part=100)

    def test_so_is_a_leader_and_in_a_header_too(self):
        self.repaired(lambda cluster: cluster.wait_leader(), part=20)

    def test_a_node_alone_refuses_with_file_offset_and_index(self):
        cluster = self.cluster(1, SMALL)
        self.store(cluster, 1000)
        node = cluster.nodes[1]
        node.kill()
        victim = self.damage_middle(node, 100)
        node.start()
        self.assertEqual(node.wait(), 4)
        self.assertIn(f"{victim['file']}: offset {victim['offset']}, index {victim['index']}: ", node.log_tail())


if __name__ == "__main__":
    unittest.main()
