"""``@promise("close-order")``: the test holds that promise of the contract, contract/promises.json.

It changes nothing about how a test runs. ``pytestmark = promise(...)`` is for all tests of a file. docs/contract.md is
generated from these markers; those of other languages are comments, see scripts/generate_contract.py.
"""

import pytest

promise = pytest.mark.promise
