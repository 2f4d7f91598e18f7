"""kv-cli against real nodes: what it prints and its exit status."""

import json
import os
import subprocess
import unittest

from support import BUILD, ClusterTest, free_ports


class Cli(ClusterTest):
    def cli(self, *arguments, endpoints=None, stdin=b""):
        environment = {**os.environ, "STRATA_ENDPOINTS": endpoints or self.nodes.endpoints()}
        return subprocess.run([str(BUILD / "kv-cli"), *arguments], input=stdin, env=environment, check=False, timeout=30,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def setUp(self):
        super().setUp()
        self.nodes = self.cluster()

    def test_what_is_set_is_got_and_what_is_not_there_is_status_1(self):
        self.assertEqual(self.cli("set", "colour", "blue").returncode, 0)
        got = self.cli("get", "colour")
        self.assertEqual((got.returncode, got.stdout.rstrip(b"\n")), (0, b"blue"))
        missing = self.cli("get", "no such key")
        self.assertEqual((missing.returncode, missing.stdout), (1, b""))

    def test_a_value_comes_from_standard_input_byte_for_byte(self):
        value = bytes(range(256)) * 10
        self.assertEqual(self.cli("set", "bytes", "-", stdin=value).returncode, 0)
        self.assertEqual(self.nodes.client(1).get(b"bytes"), value)

    def test_status_has_a_row_for_every_node_also_for_one_that_is_down(self):
        follower = next(number for number in self.nodes.nodes if number != self.nodes.wait_leader())
        self.nodes.nodes[follower].kill()
        table = self.cli("status")
        self.assertEqual(table.returncode, 0, table.stderr)
        self.assertIn(b"leader", table.stdout)
        self.assertGreaterEqual(len(table.stdout.strip().split(b"\n")), 4, table.stdout)
        data = self.cli("--json", "status")
        self.assertEqual(data.returncode, 0, data.stderr)
        json.loads(data.stdout)

    def test_wait_ready_succeeds_when_the_cluster_serves(self):
        self.assertEqual(self.cli("wait-ready").returncode, 0)

    def test_a_node_that_is_not_there_is_status_3(self):
        done = self.cli("--timeout", "1s", "get", "k", endpoints=f"tcp://127.0.0.1:{free_ports(1)[0]}")
        self.assertEqual(done.returncode, 3, done.stderr)

    def test_wrong_usage_is_status_2(self):
        for arguments in (["set", "k"], ["frobnicate"], ["get"], ["--timeout", "soon", "get", "k"]):
            with self.subTest(arguments=arguments):
                self.assertEqual(self.cli(*arguments).returncode, 2)


if __name__ == "__main__":
    unittest.main()
