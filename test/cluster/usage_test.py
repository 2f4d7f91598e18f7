"""How kv-node takes its flags: what is wrong is named, with exit status 2."""

import socket
import subprocess
import tempfile
import unittest

from support import BUILD


def run(program, *arguments):
    with tempfile.TemporaryDirectory() as directory:
        return subprocess.run([str(BUILD / program), *arguments], cwd=directory, stdin=subprocess.DEVNULL, text=True,
                              check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20)


class Usage(unittest.TestCase):
    def test_a_wrong_value_ends_with_status_2_and_the_name_of_the_flag(self):
        wrong = {"--id": ["0", "65536", "x", "-1"], "--cluster": ["nonsense", "1=http://x", "2=tcp://127.0.0.1:7102"],
                 "--listen": ["127.0.0.1:7001", "udp://127.0.0.1:1"], "--fsync-interval": ["2", "2 fortnights", "-1ms"],
                 "--heartbeat-interval": ["0", "x"], "--election-timeout": ["x", "0"], "--ack": ["maybe"],
                 "--segment-size": ["64", "x", "1KiB"], "--max-value": ["x", "17MiB"], "--max-pending": ["x"],
                 "--max-sessions": ["0", "-1", "x", "1k"],
                 "--request-timeout": ["x"], "--log-level": ["loud"], "--log-format": ["xml"], "--no-such-flag": ["1"]}
        for flag, values in wrong.items():
            for value in values:
                with self.subTest(flag=flag, value=value):
                    done = run("kv-node", flag, value)
                    self.assertEqual(done.returncode, 2, done.stderr)
                    self.assertIn(flag, done.stderr)
                    self.assertEqual(done.stdout, "")

    def test_help_and_version_are_data_with_status_0(self):
        for program in ("kv-node", "kv-cli", "kv-wal", "bench/load"):
            for flag in ("--help", "--version"):
                with self.subTest(program=program, flag=flag):
                    done = run(program, flag)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertNotEqual(done.stdout, "")
                    self.assertEqual(done.stderr, "")

    def test_help_names_every_flag_of_the_contract(self):
        done = run("kv-node", "--help")
        for flag in ("--id", "--cluster", "--cluster-name", "--listen", "--data-dir", "--fsync-interval", "--ack",
                     "--heartbeat-interval", "--election-timeout", "--segment-size", "--max-value", "--max-pending",
                     "--request-timeout", "--log-level", "--log-format", "--run-dir", "--config"):
            self.assertIn(flag, done.stdout)

    def test_an_endpoint_that_is_taken_is_said_and_ends_with_status_1(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            endpoint = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
            done = run("kv-node", "--listen", endpoint)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(endpoint, done.stderr)


if __name__ == "__main__":
    unittest.main()
