"""The documented proxies, for every test that asks for one. A proxy that is not installed is skipped."""

from collections.abc import Iterator

import pytest
from proxies import Block, Certificates, blocks, public_folder


@pytest.fixture(scope="session")
def certificates() -> Iterator[Certificates]:
    with public_folder("certificates-") as folder:
        yield Certificates(folder)


@pytest.fixture(scope="module", params=[pytest.param(block, id=block.place) for block in blocks()])
def block(request: pytest.FixtureRequest) -> Block:
    found: Block = request.param
    if found.missing_package:
        pytest.skip(f"{found.missing_package} is not installed, {found.place} is not tried: make proxies")
    return found
