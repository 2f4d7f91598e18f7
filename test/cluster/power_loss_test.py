"""Machines that lose power, as far as one machine can show it: a killed node's log is put back to what was synced, and its
kernel's boot id is changed."""

import struct
import unittest

from support import ClusterTest, Writer, poll_until, read_all

HEAD, HEADER = 4096, 64
SLOT, SYNCED_IN_SLOT = 4096, 128


def end_of_records(data):
    """Where the records of a segment end, and the newest synced mark in them."""
    offset, mark = HEAD, (1, HEAD)
    while struct.unpack_from("<I", data, offset)[0] == 0x4C415753:
        length, = struct.unpack_from("<I", data, offset + 8)
        mark = max(mark, struct.unpack_from("<II", data, offset + 44))
        offset += (HEADER + length + 7) // 8 * 8
    return offset, mark


def mark_of_metadata(directory):
    """The synced mark that was saved with term and vote."""
    slots = (directory / "metadata").read_bytes()
    return max(struct.unpack_from("<II", slots, start + SYNCED_IN_SLOT) for start in (0, SLOT))


def lose_unsynced(directory):
    """Leaves of the log what is known to have been synced; returns the bytes that went."""
    newest = sorted(directory.glob("wal-*.log"))[-1]
    with open(newest, "r+b") as file:
        data = file.read()
        end, mark = end_of_records(data)
        segment, offset = max(mark, mark_of_metadata(directory))
        keep = offset if segment == int(newest.stem.split("-")[1]) else HEAD
        file.seek(keep)
        file.write(bytes(end - keep))
    return end - keep


class PowerLoss(ClusterTest):
    def written_cluster(self, size=3, interval="1s"):
        cluster = self.cluster(size, ["--ack", "written", "--fsync-interval", interval, "--segment-size", "4MiB"],
                               start=False)
        for number, node in cluster.nodes.items():
            boot_id = cluster.directory / f"boot-id{number}"
            boot_id.write_text(f"kernel-1-of-{number}\n")
            node.flags += ["--boot-id-file", str(boot_id), "--run-dir", str(cluster.directory / f"run{number}")]
        cluster.start()
        cluster.wait_writable()
        return cluster

    def store(self, cluster, entries, when_half_is_stored=lambda: None):
        """Returns when each is acknowledged. The callback runs in between, while others are on their way."""
        acknowledged = 0

        def count(_entry, _sent_at):
            nonlocal acknowledged
            acknowledged += 1
            if acknowledged == len(entries) // 2:
                when_half_is_stored()
        writer = Writer([node.listen for node in cluster.nodes.values()], window=64)
        writer.store(entries.items(), count)
        writer.close()

    @staticmethod
    def entries(count, name=b"key"):
        return {b"%s-%d" % (name, number): b"value-%d" % number for number in range(count)}

    def lose_power(self, cluster, *numbers):
        """All at once; returns how many bytes of their logs went."""
        for number in numbers:
            cluster.nodes[number].kill()
        for number in numbers:
            (cluster.directory / f"boot-id{number}").write_text(f"kernel-2-of-{number}\n")
        return [lose_unsynced(cluster.nodes[number].directory) for number in numbers]

    def come_back(self, cluster, *numbers):
        """They start, as recovering, and become followers or leaders like any other."""
        for number in numbers:
            cluster.nodes[number].start()
        for number in numbers:
            cluster.nodes[number].wait_ready()
            cluster.nodes[number].wait_for_line("recovering: the machine lost power")
        for number in numbers:
            cluster.nodes[number].wait_for_line("votes like any other")
            self.assertIn(cluster.status(number)["role"], ("follower", "leader"))

    def found(self, cluster, number, entries):
        return dict(read_all(cluster.client(number), entries))

    def assert_all_there(self, cluster, entries):
        for number in cluster.nodes:
            self.assertEqual(self.found(cluster, number, entries), entries, f"through node {number}")

    def assert_generation(self, cluster, generation):
        for number in cluster.nodes:
            poll_until(lambda n=number: (cluster.status(n) or {}).get("generation") == generation, 10,
                       f"node {number} to be in generation {generation}")

    def one_loses_power(self, choose):
        cluster = self.written_cluster()
        lost = []

        def in_the_midst_of_the_load():
            number = choose(cluster)
            lost.extend(self.lose_power(cluster, number))
            cluster.nodes[number].start()
            lost.append(number)
        entries = self.entries(20_000)
        self.store(cluster, entries, in_the_midst_of_the_load)
        lost_bytes, number = lost
        self.assertGreater(lost_bytes, 0)
        cluster.nodes[number].wait_for_line("recovering: the machine lost power")
        cluster.nodes[number].wait_for_line("votes like any other")
        self.assertIn(cluster.status(number)["role"], ("follower", "leader"))
        self.assert_all_there(cluster, entries)
        self.assert_generation(cluster, 1)

    def test_a_leader_that_loses_power_comes_back_recovering_and_nothing_acknowledged_is_missing(self):
        self.one_loses_power(lambda cluster: cluster.wait_leader())

    def test_a_follower_that_loses_power_comes_back_recovering_and_nothing_acknowledged_is_missing(self):
        self.one_loses_power(lambda cluster: min(set(cluster.nodes) - {cluster.wait_leader()}))

    def test_when_two_lose_power_all_three_elect_the_one_that_has_everything(self):
        cluster = self.written_cluster(interval="1h")
        entries = self.entries(3000)
        self.store(cluster, entries)
        leader = cluster.wait_leader()
        holder = min(set(cluster.nodes) - {leader})
        poll_until(lambda: cluster.status(holder)["written"] == cluster.status(leader)["written"], 10,
                   "the third node to hold everything")
        two = sorted(set(cluster.nodes) - {holder})
        self.assertGreater(min(self.lose_power(cluster, *two)), 100_000)
        self.come_back(cluster, *two)
        cluster.wait_writable()
        self.assert_all_there(cluster, entries)
        # The votes of those that may lack something were needed; that nothing is lost is known to nobody but this test.
        self.assert_generation(cluster, 2)
        cluster.nodes[holder].wait_for_line("a new generation begins")

    def test_when_all_lose_power_what_was_synced_is_there_and_a_new_generation_begins(self):
        cluster = self.written_cluster()
        synced, late = self.entries(3000, b"synced"), self.entries(20_000, b"late")
        self.store(cluster, synced)
        leader = cluster.wait_leader()
        poll_until(lambda: (s := cluster.status(leader))["durable"] == s["commit"], 10, "a sync")
        self.store(cluster, self.entries(1000, b"more"))  # whose records bear the mark of that sync
        self.store(cluster, late)
        self.assertGreater(cluster.status(leader)["at_risk"]["entries"], 0)
        self.lose_power(cluster, *cluster.nodes)
        self.come_back(cluster, *cluster.nodes)
        cluster.wait_writable()
        self.assert_generation(cluster, 2)
        for number in cluster.nodes:
            self.assertEqual(self.found(cluster, number, synced), synced)
        missing = [key for key, value in self.found(cluster, 1, late).items() if value is None]
        self.assertTrue(missing, "the loss of power was not real")
        self.assertTrue(any("a new generation begins" in line for node in cluster.nodes.values() for line in node.lines()))

    def test_one_node_that_never_synced_has_everything_after_kill_9(self):
        cluster = self.written_cluster(1, interval="1h")
        entries = self.entries(10_000)
        self.store(cluster, entries)
        cluster.nodes[1].kill()
        cluster.nodes[1].start()
        cluster.nodes[1].wait_ready()
        cluster.wait_writable()
        self.assert_all_there(cluster, entries)
        self.assertFalse([line for line in cluster.nodes[1].lines() if "recovering" in line])


if __name__ == "__main__":
    unittest.main()
