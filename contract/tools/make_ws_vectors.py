"""Writes contract/ws/*.json. Each expected value is derived here from the RFC's rule named in the vector.

Usage: python3 contract/tools/make_ws_vectors.py   (rewrites the files; the result is reviewed and committed)
"""

from __future__ import annotations

import json
from pathlib import Path

from ws_control_vectors import close_codes, control_frames
from ws_deflate_vectors import deflate
from ws_frame_vectors import lawful_frames, length_faults, masking_faults, reserved_bits, rfc_examples
from ws_handshakes import handshakes
from ws_message_vectors import fragments, size_limits
from ws_utf8_vectors import utf8
from ws_vector import Vector


def write(directory: Path, name: str, vectors: list[Vector]) -> None:
    lines = ",\n".join(json.dumps(v, ensure_ascii=False) for v in vectors)
    (directory / f"{name}.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    print(f"{name}: {len(vectors)}")


def main() -> None:
    directory = Path(__file__).resolve().parent.parent / "ws"
    write(directory, "frames", rfc_examples() + lawful_frames() + masking_faults() + reserved_bits() + length_faults())
    write(directory, "sizes", size_limits())
    write(directory, "fragments", fragments())
    write(directory, "control", control_frames())
    write(directory, "close_codes", close_codes())
    write(directory, "utf8", utf8())
    write(directory, "deflate", deflate())
    write(directory, "handshakes", handshakes())


if __name__ == "__main__":
    main()
