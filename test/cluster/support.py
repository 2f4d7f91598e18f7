"""What the cluster tests share: the nodes and clients of scripts/local_cluster.py, and a base class."""

import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from local_cluster import (BUILD, Client, Cluster, Node, NoReply, Refused, Writer, free_ports,  # noqa: E402,F401
                           poll_until, read_all)


class ClusterTest(unittest.TestCase):
    """Keeps logs and data when a test failed, and removes them when it passed."""

    def setUp(self):
        self.clusters = []

    def tearDown(self):
        complaints = self._outcome.result.errors + self._outcome.result.failures
        failed = any(getattr(case, "test_case", case) is self for case, _ in complaints)
        for cluster in self.clusters:
            cluster.close(keep=failed)

    def cluster(self, size=3, flags=(), start=True):
        """A cluster that ends with the test; unless told otherwise it runs, and every node takes SETs."""
        cluster = Cluster(size, flags)
        self.clusters.append(cluster)
        if start:
            cluster.start()
            cluster.wait_writable()
        return cluster

    def assert_refused(self, code, call, *arguments, **options):
        with self.assertRaises(Refused) as caught:
            call(*arguments, **options)
        self.assertEqual(caught.exception.code, code, caught.exception)

    def assert_error(self, code, reply):
        self.assertEqual(reply[:2], [b"ERR", code], reply)
        self.assertGreaterEqual(len(reply), 3, reply)
