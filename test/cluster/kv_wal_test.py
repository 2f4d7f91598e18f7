"""kv-wal on the files that real nodes left behind: what it says, what it salvages, and that it changes nothing. Its
dump is held against wal_reader.py, which was written from the description of the format alone."""

import hashlib
import json
import pathlib
import shutil
import subprocess
import unittest

import wal_reader
from support import BUILD, ClusterTest, NoReply, Node, Refused, Writer, free_ports, poll_until, read_all

SMALL = ["--segment-size", "64KiB"]


def kv_wal(*arguments, **options):
    options = {"stdout": subprocess.PIPE, **options}
    return subprocess.run([str(BUILD / "kv-wal"), *map(str, arguments)], stdin=subprocess.DEVNULL, text=True,
                          check=False, stderr=subprocess.PIPE, timeout=60, **options)


def lines_of(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def digests(directory):
    return {path.name: (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
            for path in pathlib.Path(directory).iterdir()}


def flip(path, offset):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 4]))


class KvWal(ClusterTest):
    def store(self, cluster, numbers):
        writer = Writer([node.listen for node in cluster.nodes.values()], window=64)
        writer.store((b"key-%d" % number, b"value-%d" % number * 10) for number in numbers)
        writer.close()

    def stopped(self, count=1500, flags=()):
        """The directory of a cluster of one that was killed after `count` entries in several segments."""
        cluster = self.cluster(size=1, flags=[*SMALL, *flags])
        self.store(cluster, range(count))
        cluster.nodes[1].kill()
        return cluster, cluster.nodes[1].directory

    def check(self, directory, status, *arguments, **options):
        """Runs a command on the directory, which it must leave as it is."""
        before = digests(directory)
        done = kv_wal(*arguments, **options)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.assertEqual(digests(directory), before)
        return done

    def entries(self, directory):
        return lines_of(kv_wal("dump", directory, "--json"))

    def assert_same_dump(self, directory):
        """Also that there are entries."""
        mine = list(wal_reader.read(directory).values())
        self.assertGreater(len(mine), 0)
        self.assertEqual(lines_of(self.check(directory, 0, "dump", directory, "--json")), mine)
        return mine

    def test_a_sound_directory_is_said_to_be_sound_with_what_is_in_it(self):
        _, directory = self.stopped()
        said = self.check(directory, 0, "verify", directory).stdout
        self.assertRegex(said, r"node 1 of cluster [0-9a-f]{16}")
        self.assertRegex(said, r"term \d+, vote for node 1, incarnation 1")
        self.assertRegex(said, r"data directory [0-9a-f]{16}, which takes part")
        self.assertRegex(said, r"log: \d+ segments, \d+ records, \d+ bytes; entries 1 to \d+")
        self.assertEqual(said.splitlines()[-1], "sound")
        summary = lines_of(self.check(directory, 0, "verify", directory, "--json"))[-1]
        self.assertTrue(summary["sound"])
        self.assertEqual(summary["admission"], "member")
        self.assertEqual(summary["members"], [])
        self.assertGreater(summary["segments"], 3)
        self.assertGreaterEqual(summary["last_index"], 1500)

    def test_a_running_node_is_left_alone(self):
        cluster = self.cluster(size=1, flags=SMALL)
        for command in (["verify"], ["dump"], ["salvage"]):
            out = [cluster.directory / "out"] if command == ["salvage"] else []
            done = kv_wal(*command, cluster.nodes[1].directory, *out)
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertIn(f"in use by process {cluster.nodes[1].process.pid}", done.stderr)
            self.assertEqual(done.stdout, "")
        self.assertFalse((cluster.directory / "out").exists())

    def test_a_flipped_bit_in_the_middle_is_named_and_all_else_is_shown(self):
        _, directory = self.stopped()
        entries = self.entries(directory)
        for part in (20, 100):  # header, body
            victim = entries[len(entries) // 2]
            flip(directory / victim["file"], victim["offset"] + part)
            done = self.check(directory, 1, "verify", directory)
            self.assertIn(f"damaged: {victim['file']}: offset {victim['offset']}, {victim['size']} bytes, index "
                          f"{victim['index']}: ", done.stdout)
            self.assertRegex(done.stdout, r"damaged: 1 finding\n$")
            dump = self.check(directory, 1, "dump", directory, "--json")
            self.assertEqual(lines_of(dump), [entry for entry in entries if entry is not victim])
            self.assertIn(f"index {victim['index']}", dump.stderr)
            flip(directory / victim["file"], victim["offset"] + part)
        self.check(directory, 0, "verify", directory)

    def test_a_torn_end_is_a_note(self):
        cluster, directory = self.stopped()
        entries = self.entries(directory)
        last = entries[-1]
        flip(directory / last["file"], last["offset"] + 100)
        done = self.check(directory, 0, "verify", directory)
        self.assertRegex(done.stdout, rf"torn: {last['file']}: offset {last['offset']}, \d+ bytes, from index "
                                      rf"{last['index']}")
        self.assertRegex(done.stdout, r"sound; \d+ torn bytes at the end")
        self.assertEqual(self.assert_same_dump(directory), entries[:-1])
        cluster.nodes[1].start()
        self.assertIn(str(last["offset"]), cluster.nodes[1].wait_for_line("torn bytes cut"))

    def test_the_dump_is_that_of_an_independent_reader_over_segments_restarts_and_snapshots(self):
        cluster, directory = self.stopped()
        self.assertGreater(len(list(directory.glob("wal-*.log"))), 3)
        entries = self.assert_same_dump(directory)
        self.assertEqual([entry["index"] for entry in entries], list(range(1, len(entries) + 1)))
        cluster.nodes[1].flags += ["--snapshot-log-size", "128KiB"]
        cluster.nodes[1].start()
        cluster.nodes[1].wait_ready()
        cluster.wait_writable()
        self.store(cluster, range(1500, 3500))
        poll_until(lambda: cluster.status(1)["first"] > 1, 20, "the log to be released")
        self.assertEqual(cluster.nodes[1].stop(), 0)
        self.assertGreater(self.assert_same_dump(directory)[0]["index"], 1)
        summary = lines_of(self.check(directory, 0, "verify", directory, "--json"))[-1]
        self.assertEqual(len(summary["snapshots"]), 2)

    def test_the_dump_is_that_of_an_independent_reader_over_overridden_entries(self):
        cluster = self.cluster(flags=SMALL)
        self.store(cluster, range(300))
        old = cluster.wait_leader()
        others = [node for number, node in cluster.nodes.items() if number != old]
        before = cluster.client(old).status()["written"]
        for node in others:
            node.kill()
        for number in range(20):
            cluster.client(old).post(b"SET", b"lost-%d" % number, b"never committed")
        poll_until(lambda: self.written(cluster, old) >= before + 20, 10, "the leader to write them")
        cluster.nodes[old].kill()
        for node in others:
            node.start()
        for number in cluster.nodes:
            if number != old:
                poll_until(lambda n=number: self.writes(cluster, n), 15, "a node to take a SET")
        cluster.nodes[old].start()
        cluster.nodes[old].wait_ready()
        cluster.wait_writable()
        for node in cluster.nodes.values():
            node.stop()
        entries = self.assert_same_dump(cluster.nodes[old].directory)
        self.assertEqual([entry for entry in entries if entry.get("key", "").startswith("lost-")], [])
        summary = lines_of(kv_wal("verify", cluster.nodes[old].directory, "--json"))[-1]
        self.assertGreaterEqual(summary["records"], len(entries) + 20)

    def test_the_dump_is_that_of_an_independent_reader_over_sessions_conditions_and_new_generations(self):
        cluster = self.cluster(size=1, start=False)
        node = cluster.nodes[1]
        boot_id = cluster.directory / "boot"
        node.flags += [*SMALL, "--ack", "written", "--max-sessions", "7", "--boot-id-file", str(boot_id),
                       "--run-dir", str(cluster.directory / "run")]
        for kernel in ("one", "another"):
            boot_id.write_text(kernel, encoding="ascii")
            node.start()
            node.wait_ready()
            cluster.wait_writable()
            began = cluster.client(1).set(kernel.encode(), b"v", b"IF", b"0")
            cluster.client(1).set(b"k", b"v", b"ONCE", kernel.encode(), b"3", b"SINCE", b"%d" % began)
            cluster.client(1).set(b"k", b"v", b"ONCE", kernel.encode(), b"4")
            node.kill()
        entries = self.assert_same_dump(node.directory)
        self.assertEqual([entry["type"] for entry in entries].count("new_generation"), 1)
        session = next(entry for entry in entries if entry.get("client") == "another")
        self.assertEqual((session["number"], session["max_sessions"], session["since"]), (3, 7, began))
        self.assertIn("if_revision", next(entry for entry in entries if entry.get("key") == "another"))
        self.assertIn(" new generation ", self.check(node.directory, 0, "dump", node.directory).stdout)

    @staticmethod
    def written(cluster, number):
        status = cluster.status(number)
        return status["written"] if status else 0

    @staticmethod
    def writes(cluster, number):
        try:
            return cluster.client(number).set(b"again", b"%d" % number, timeout=6)
        except (NoReply, Refused):
            return None

    def test_from_and_to_choose_entries_and_values_are_shown_when_asked_for(self):
        _, directory = self.stopped(200)
        chosen = lines_of(self.check(directory, 0, "dump", directory, "--json", "--values", "--from", 50, "--to", 52))
        self.assertEqual([entry["index"] for entry in chosen], [50, 51, 52])
        for entry in chosen:
            self.assertEqual(entry["value"].count("value-"), 10)
            self.assertEqual(len(entry["value"]), entry["value_size"])
        text = self.check(directory, 0, "dump", directory, "--from", 50, "--to", 50).stdout
        self.assertIn(f'set "{chosen[0]["key"]}" {chosen[0]["value_size"]} bytes {chosen[0]["file"]}:', text)

    def test_salvage_writes_a_directory_that_the_same_node_opens_and_the_rest_beside_it(self):
        cluster, directory = self.stopped(flags=["--snapshot-log-size", "64KiB"])
        cluster.nodes[1].flags = SMALL  # no snapshot any more: the log's end is needed
        cluster.nodes[1].start()
        cluster.nodes[1].wait_ready()
        self.store(cluster, range(1500, 1600))
        for number in (1600, 1601):  # the second's record says that all up to the first is synced: no torn end
            self.store(cluster, [number])
        cluster.nodes[1].kill()
        entries = self.entries(directory)
        victim = entries[-40]
        flip(directory / victim["file"], victim["offset"] + 100)
        out = cluster.directory / "out"
        said = self.check(directory, 0, "salvage", directory, f"{out}/").stdout
        self.assertIn(f"left out: {victim['index']} to {entries[-1]['index']}", said)
        with open(f"{out}.left-out.jsonl", encoding="utf-8") as file:
            beside = [json.loads(line) for line in file]
        self.assertEqual([entry["index"] for entry in beside], [entry["index"] for entry in entries[-39:]])
        self.assertEqual(beside[0]["value"].count("value-"), 10)
        self.assertEqual(lines_of(kv_wal("verify", out, "--json"))[-1]["last_index"], victim["index"] - 1)

        salvaged = Node(1, out, f"tcp://127.0.0.1:{free_ports(1)[0]}", flags=SMALL)
        salvaged.log_path = cluster.directory / "salvaged.log"
        cluster.nodes[2] = salvaged  # ends with the others
        salvaged.start()
        salvaged.wait_for_line("recovering")
        salvaged.wait_ready()
        kept = {b"key-%d" % number for number in range(1600)} - {entry["key"].encode() for entry in entries[-40:]}
        found = dict(read_all(cluster.client(2), sorted(kept)))
        self.assertEqual([key for key in kept if found[key] != key.replace(b"key", b"value") * 10], [])
        self.assertEqual(cluster.client(2).status()["generation"], 2)

        self.assertEqual(kv_wal("salvage", directory, out).returncode, 1)  # not empty
        self.assertEqual(kv_wal("salvage", directory, directory / "inside").returncode, 1)
        self.assertFalse((directory / "inside").exists())

    def test_nothing_is_salvaged_into_the_directory_itself_however_it_is_named(self):
        cluster, directory = self.stopped(20)
        elsewhere = cluster.directory / "elsewhere"
        elsewhere.mkdir()
        (cluster.directory / "link").symlink_to(directory)
        (directory / "away").symlink_to(elsewhere)  # the directory is empty, but what is left out goes beside the link
        (cluster.directory / "nowhere.left-out.jsonl").symlink_to(directory / "new")
        before = sorted(directory.iterdir())
        for source, out, where in ((".", "out", directory), (directory, "out", directory),
                                   (directory, "../link/out", elsewhere), (".", "", directory), (directory, "", None),
                                   (directory, directory / "away", None),
                                   (directory, cluster.directory / "nowhere", None)):
            with self.subTest(source=source, out=out, where=where):
                done = kv_wal("salvage", source, out, cwd=where)
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertNotEqual(done.stderr, "")
                self.assertEqual(sorted(directory.iterdir()), before)

    def test_without_term_and_vote_a_salvaged_directory_is_opened_only_with_a_new_vote(self):
        cluster, directory = self.stopped(100)
        flip(directory / "metadata", 30)
        flip(directory / "metadata", 4096 + 30)
        self.check(directory, 1, "verify", directory)
        out = cluster.directory / "out"
        self.assertIn("--new-vote", self.check(directory, 0, "salvage", directory, out).stdout)
        self.assertFalse((out / "metadata").exists())
        shutil.rmtree(out)
        self.check(directory, 0, "salvage", directory, out, "--new-vote")
        self.assertEqual(kv_wal("verify", out).returncode, 0)

    def test_standard_output_that_cannot_be_written_is_a_failure_and_not_the_end_of_the_program(self):
        cluster, directory = self.stopped(1500)
        for arguments in (["dump", directory, "--json"], ["verify", directory],
                          ["salvage", directory, cluster.directory / "out"]):
            with self.subTest(arguments=arguments), open("/dev/full", "w", encoding="utf-8") as full:
                done = kv_wal(*arguments, stdout=full)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn("kv-wal: standard output could not be written", done.stderr)

    def test_what_is_no_data_directory_is_said_with_status_1(self):
        for directory in (BUILD, "/nonexistent"):
            done = kv_wal("verify", directory)
            self.assertEqual(done.returncode, 1)
            self.assertIn(str(directory), done.stderr)

    def test_a_wrong_command_line_ends_with_status_2(self):
        for arguments in ([], ["repair", "x"], ["verify"], ["verify", "x", "y"], ["verify", "x", "--loud"],
                          ["verify", "x", "--to", "3"], ["salvage", "x"], ["dump", "x", "--from", "5", "--to", "3"],
                          ["dump", "x", "--to", "0"], ["dump", "x", "--from", "a"], ["dump", "x", "--new-vote"]):
            with self.subTest(arguments=arguments):
                done = kv_wal(*arguments)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertEqual(done.stdout, "")
                self.assertNotEqual(done.stderr, "")


if __name__ == "__main__":
    unittest.main()
