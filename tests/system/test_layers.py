"""scripts/check_layers.py finds every kind of wrong include and import, and finds none in this repository."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def check(root: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/check_layers.py", root], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_this_repository_is_in_order() -> None:
    assert check(ROOT) == (0, "")


@pytest.mark.parametrize(
    ("file", "text", "finding"),
    [
        (
            "src/service/exchange.hpp",
            '#pragma once\n\n#include "net/reactor.hpp"\n',
            'src/service/exchange.hpp:3: service may not include "net/reactor.hpp": expected service itself or base, '
            'http, ws (ARCHITECTURE.md, "Layers")',
        ),
        (
            "include/proapi/task.hpp",
            '#include "base/bytes.hpp"\n',
            'include/proapi/task.hpp:1: proapi may not include "base/bytes.hpp": expected proapi itself or no other '
            'layer (ARCHITECTURE.md, "Layers")',
        ),
        (
            "src/http/authority.cpp",
            "#include <arpa/inet.h>\n",
            "src/http/authority.cpp:1: http may not include <arpa/inet.h> (sockets and waiting): move what needs it to "
            "net or server",
        ),
        (
            "src/ws/connection.cpp",
            "  #  include <mutex>\n",
            "src/ws/connection.cpp:1: ws may not include <mutex> (processes, threads and clocks): move what needs it "
            "to net or server",
        ),
        (
            "src/net/stream.cpp",
            '#include "stream.hpp"\n',
            'src/net/stream.cpp:1: "stream.hpp": expected a path from src/ or include/, such as "base/bytes.hpp"',
        ),
    ],
)
def test_a_wrong_include(tmp_path: Path, file: str, text: str, finding: str) -> None:
    write(tmp_path, {file: text})
    assert check(tmp_path) == (1, finding + "\n")


def test_what_layers_may_include(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "src/base/bytes.hpp": "#include <span>\n",
            "src/net/stream.cpp": '#include <sys/socket.h>\n#include "net/stream.hpp"\n#include "base/bytes.hpp"\n',
            "src/service/static_files.cpp": "#include <fcntl.h>\n#include <linux/openat2.h>\n",
            "src/app/run.cpp": '#include <mutex>\n#include "proapi/task.hpp"\n#include "server/server.hpp"\n',
        },
    )
    assert check(tmp_path) == (0, "")


def test_a_circle_of_imports(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "python/proapi/__init__.py": "from .app import ProAPI\n",
            "python/proapi/app.py": "from ._serving import run\n",
            "python/proapi/_serving/__init__.py": "",
            "python/proapi/_serving/run.py": "def run():\n    from ..app import ProAPI\n",
        },
    )
    status, output = check(tmp_path)
    assert status == 1
    assert "in a circle" in output
    assert "app -> _serving.run" in output or "_serving.run -> app" in output


def test_what_only_type_checkers_import_is_no_circle(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "python/proapi/__init__.py": "",
            "python/proapi/app.py": "from .server import Server\n",
            "python/proapi/server.py": "if TYPE_CHECKING:\n    from .app import ProAPI\n",
        },
    )
    assert check(tmp_path) == (0, "")
