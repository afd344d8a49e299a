"""``@promise("close-order")`` marks a test that verifies this promise of contract/promises.json.

The marker does not change how the test runs. ``pytestmark = promise(...)`` marks all tests of a file. docs/contract.md
is generated from these markers; in other languages they are comments, see scripts/generate_contract.py.
"""

import pytest

promise = pytest.mark.promise
