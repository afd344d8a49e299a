"""The certificate of the servers that are measured over TLS."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import trustme


@contextlib.contextmanager
def temporary_certificate() -> Iterator[Path]:
    """Makes a certificate for localhost, with its key, in one PEM file that exists until the block ends."""
    issued = trustme.CA().issue_cert("localhost", "127.0.0.1")
    with tempfile.TemporaryDirectory(prefix="proapi-bench-") as folder:
        file = Path(folder) / "server.pem"
        issued.private_key_and_cert_chain_pem.write_to_path(str(file))
        yield file
