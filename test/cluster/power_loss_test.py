"""Machines that lose power, as far as one machine can show it: a killed node's log is put back to what was synced, and
its kernel's boot id is changed."""

import os
import struct
import unittest

import wal_reader
from support import ClusterTest, Writer, poll_until, read_all

SLOT, SYNCED_IN_SLOT = 4096, 128
WINDOW = 64  # SETs that are on their way at once


def mark_of_metadata(directory):
    """The synced mark that was saved with term and vote."""
    slots = (directory / "metadata").read_bytes()
    return max(struct.unpack_from("<II", slots, start + SYNCED_IN_SLOT) for start in (0, SLOT))


class Log:
    """The newest segment, the only one here, of a node that stands still."""

    def __init__(self, directory):
        self.path = sorted(directory.glob("wal-*.log"))[-1]
        records = wal_reader.segment(self.path)
        self.last = records[-1].term, records[-1].index
        self.end = records[-1].end[1]
        self.synced = max(mark_of_metadata(directory), *(record.mark for record in records))[1]

    def has_synced(self, key):
        return key in self.path.read_bytes()[:self.synced]

    def lose_unsynced(self):
        """Leaves what is known to have been synced; returns how many bytes went."""
        with open(self.path, "r+b") as file:
            file.seek(self.synced)
            file.write(bytes(self.end - self.synced))
        return self.end - self.synced


class PowerLoss(ClusterTest):
    def written_cluster(self, size=3, interval="1s"):
        cluster = self.cluster(size, ["--ack", "written", "--fsync-interval", interval, "--segment-size", "4MiB",
                                      "--request-timeout", "2s"], start=False)
        for number, node in cluster.nodes.items():
            boot_id = cluster.directory / f"boot-id{number}"
            boot_id.write_text(f"kernel-1-of-{number}\n")
            node.flags += ["--boot-id-file", str(boot_id), "--run-dir", str(cluster.directory / f"run{number}")]
        cluster.start()
        cluster.wait_writable()
        return cluster

    @staticmethod
    def entries(count, name=b"key"):
        return {b"%s-%06d" % (name, number): b"value-%d" % number for number in range(count)}

    def store(self, cluster, entries, on_acknowledged=lambda entry, sent_at: None):
        """Returns when each is acknowledged."""
        writer = Writer([node.listen for node in cluster.nodes.values()], window=WINDOW)
        writer.store(entries.items(), on_acknowledged)
        writer.close()

    def store_and_interrupt(self, cluster, entries, interrupt):
        """Stores them. In the midst of it all nodes are frozen, at a moment when no disk is known to hold what was
        acknowledged last; `interrupt` is given their logs and the keys that were sent by then, and lets them go on."""
        acknowledged, interrupted = 0, False

        def count(entry, _sent_at):
            nonlocal acknowledged, interrupted
            acknowledged += 1
            if interrupted or acknowledged < len(entries) // 2:
                return
            logs = self.freeze(cluster)
            if any(log.has_synced(entry[0]) for log in logs.values()):
                self.go_on(cluster)
            else:
                interrupted = True
                interrupt(logs, set(list(entries)[:acknowledged + WINDOW]))
        self.store(cluster, entries, count)
        self.assertTrue(interrupted)

    @staticmethod
    def freeze(cluster):
        """All nodes, where they are; returns their logs."""
        for node in cluster.nodes.values():
            node.pause()
        for node in cluster.nodes.values():
            os.waitid(os.P_PID, node.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        return {number: Log(node.directory) for number, node in cluster.nodes.items()}

    @staticmethod
    def go_on(cluster, *but):
        for number in set(cluster.nodes) - set(but):
            cluster.nodes[number].go_on()

    def lose_power(self, cluster, logs, *numbers):
        """All at once, as they are frozen."""
        for number in numbers:
            cluster.nodes[number].kill()
            (cluster.directory / f"boot-id{number}").write_text(f"kernel-2-of-{number}\n")
            self.assertGreater(logs[number].lose_unsynced(), 0)

    def come_back_recovering(self, cluster, *numbers):
        """They start while others are away whose votes they need. Log, STATUS and a refused SET say what they are."""
        for number in numbers:
            cluster.nodes[number].start()
        for number in numbers:
            cluster.nodes[number].wait_for_line("recovering: the machine lost power")
            cluster.nodes[number].wait_ready()
        for number in numbers:  # answered after --request-timeout, which is longer than they wait before they campaign
            reply = cluster.client(number).ask(b"SET", b"refused", b"value")
            self.assert_error(b"UNAVAILABLE", reply)
            self.assertIn(b"recovering", reply[2])
        for number in numbers:
            status = cluster.client(number).status(timeout=10)
            self.assertEqual((status["role"], status["leader"]), ("recovering", 0))

    def assert_sound_again(self, cluster, *numbers):
        for number in numbers:
            cluster.nodes[number].wait_for_line("recovering: the machine lost power")
            cluster.nodes[number].wait_for_line("votes like any other")
        poll_until(lambda: self.roles(cluster) == ["follower", "follower", "leader"], 10, "a leader and two followers")

    @staticmethod
    def roles(cluster):
        return sorted((cluster.status(number) or {"role": ""})["role"] for number in cluster.nodes)

    def assert_generation(self, cluster, generation):
        for number in cluster.nodes:
            poll_until(lambda n=number: (cluster.status(n) or {}).get("generation") == generation, 10,
                       f"node {number} to be in generation {generation}")

    def assert_new_generation(self, cluster, last):
        """Behind the last entry of the longest log that was left; returns who says so."""
        self.assert_generation(cluster, 2)
        begins = f"a new generation begins at index {last + 1}, "
        said = {number for number, node in cluster.nodes.items() if any(begins in line for line in node.lines())}
        self.assertTrue(said)
        return said

    def found(self, cluster, number, entries):
        return dict(read_all(cluster.client(number), entries))

    def assert_all_there(self, cluster, entries):
        for number in cluster.nodes:
            self.assertEqual(self.found(cluster, number, entries), entries, f"through node {number}")

    def one_loses_power(self, choose):
        cluster = self.written_cluster()
        number = choose(cluster)

        def interrupt(logs, _sent):
            self.lose_power(cluster, logs, number)
            self.come_back_recovering(cluster, number)
            self.go_on(cluster, number)
        entries = self.entries(10_000)
        self.store_and_interrupt(cluster, entries, interrupt)
        self.assert_sound_again(cluster, number)
        self.assert_all_there(cluster, entries)
        self.assert_generation(cluster, 1)

    def test_a_leader_that_loses_power_comes_back_recovering_and_nothing_acknowledged_is_missing(self):
        self.one_loses_power(lambda cluster: cluster.wait_leader())

    def test_a_follower_that_loses_power_comes_back_recovering_and_nothing_acknowledged_is_missing(self):
        self.one_loses_power(lambda cluster: min(set(cluster.nodes) - {cluster.wait_leader()}))

    def test_when_two_lose_power_all_three_elect_the_one_that_has_everything(self):
        cluster = self.written_cluster()
        holder = last = None

        def interrupt(logs, _sent):
            nonlocal holder, last
            holder = max(logs, key=lambda number: logs[number].last)
            last = logs[holder].last[1]
            two = set(cluster.nodes) - {holder}
            self.lose_power(cluster, logs, *two)
            cluster.nodes[holder].kill()  # the process alone: its kernel still has everything
            self.come_back_recovering(cluster, *two)
            cluster.nodes[holder].start()
        entries = self.entries(10_000)
        self.store_and_interrupt(cluster, entries, interrupt)
        self.assert_sound_again(cluster, *set(cluster.nodes) - {holder})
        self.assert_all_there(cluster, entries)
        # The votes of those that may lack something were needed; that nothing is lost is known to nobody but this test.
        self.assertEqual(self.assert_new_generation(cluster, last), {holder})
        self.assertFalse([line for line in cluster.nodes[holder].lines() if "recovering: " in line])

    def test_when_all_lose_power_what_was_synced_is_there_and_a_new_generation_begins(self):
        cluster = self.written_cluster()
        synced, late = self.entries(1000, b"synced"), self.entries(10_000, b"late")
        self.store(cluster, synced)
        client = cluster.client(cluster.wait_leader())
        poll_until(lambda: (s := client.status(timeout=10))["durable"] == s["commit"], 10, "a sync")
        may_miss, last = set(), None

        def interrupt(logs, sent):
            nonlocal last
            self.lose_power(cluster, logs, *logs)
            may_miss.update(sent - self.keys_on_disks(cluster))
            last = max(Log(node.directory).last for node in cluster.nodes.values())[1]
            self.come_back_recovering(cluster, 1, 2)
            cluster.nodes[3].start()
        self.store_and_interrupt(cluster, late, interrupt)
        self.assert_sound_again(cluster, *cluster.nodes)
        self.assert_new_generation(cluster, last)
        for number in cluster.nodes:
            found = self.found(cluster, number, {**synced, **late})
            missing = {key for key, value in found.items() if value is None}
            self.assertTrue(missing, "the loss of power was not real")
            self.assertEqual(missing - may_miss, set())
            self.assertEqual(found, {**synced, **late, **dict.fromkeys(missing)})

    @staticmethod
    def keys_on_disks(cluster):
        """The keys in the logs of stopped nodes."""
        return {entry["key"].encode() for node in cluster.nodes.values()
                for entry in wal_reader.read(node.directory).values() if "key" in entry}

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
