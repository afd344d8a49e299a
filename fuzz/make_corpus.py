"""Makes the seeds of the fuzz targets from the contract's vectors: ``make_corpus.py FOLDER``.

Writes ``FOLDER/<target>/<name>``. The file of each target says how it splits its input: text comes first, then the
numbers and cuts, which ``target.hpp`` reads from the end.
"""

import gzip
import hashlib
import json
import shutil
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CONTRACT = Path(__file__).parents[1] / "contract"
MAX_SEED_BYTES = 2048  # the search wants small inputs; unit tests cover what only a long one shows
NO_CUTS = b"\0"
ONE_CUT = b"\0\7\1"  # read from the end: one cut, at octet 7
EMPTY_FORMS = [("multipart/form-data; boundary=X", b"--X--\r\n")]

Vector = dict[str, Any]
Seeds = Iterator[bytes]


def read_vectors(name: str) -> list[Vector]:
    vectors: list[Vector] = json.loads((CONTRACT / f"{name}.json").read_text(encoding="utf-8"))
    return vectors


def octets(text: Any) -> bytes:
    """Decodes a text of ``contract/http``: a string of octets, or a list of pieces."""
    if isinstance(text, str):
        return text.encode("latin-1")
    if isinstance(text, dict):
        return octets(text["repeat"]) * int(text["times"])
    return b"".join(octets(piece) for piece in text)


def hex_octets(text: Any) -> bytes:
    """Decodes a text of ``contract/ws``: hex, or a list of pieces."""
    if isinstance(text, str):
        return bytes.fromhex(text)
    if isinstance(text, dict):
        return hex_octets(text["repeat"]) * int(text["times"])
    return b"".join(hex_octets(piece) for piece in text)


def given(*functions: str) -> Iterator[bytes]:
    """Yields the inputs of the named functions in ``decoding.json``."""
    for vector in read_vectors("http/decoding"):
        if vector["function"] in functions and isinstance(vector["given"], str | list):
            try:
                yield octets(vector["given"])
            except (TypeError, KeyError):
                continue  # a list of pairs: input of a function that encodes


def http_request() -> Seeds:
    end = ONE_CUT + b"\0"  # the default limits
    for name in ("heads_accepted", "heads_refused"):
        for vector in read_vectors(f"http/{name}"):
            yield octets(vector["bytes"]) + octets(vector.get("rest", "")) + end
    for vector in read_vectors("http/bodies"):
        head = b"POST / HTTP/1.1\r\nHost: a\r\n"
        length = vector.get("content_length")
        head += b"Transfer-Encoding: chunked\r\n" if length is None else b"Content-Length: %d\r\n" % length
        yield head + b"\r\n" + octets(vector["bytes"]) + end
        yield head + b"\r\n" + octets(vector["bytes"]) + ONE_CUT + b"\xf8"  # small limits for bodies


def http_form() -> Seeds:
    for vector in read_vectors("http/forms"):
        yield octets(vector["content_type"]) + b"\n" + octets(vector["body"])
    for content_type, body in EMPTY_FORMS:
        yield content_type.encode() + b"\n" + body


def http_fields() -> Seeds:
    yield from given("split_list", "guess_content_type")
    for vector in read_vectors("http/forms"):
        yield octets(vector["content_type"])
    for vector in read_vectors("http/heads_accepted"):
        yield from octets(vector["bytes"]).split(b"\r\n")[1:-2]


def http_url() -> Seeds:
    functions = ("percent_decode", "percent_encode", "parse_query", "parse_cookies", "replace_invalid_utf8")
    yield from (text + NO_CUTS for text in given(*functions))


def http_response() -> Seeds:
    end = b"\3" + (200).to_bytes(2, "big")
    yield from (fields + end for fields in (b"A:1", b"Content-Type:text/plain|A:1|A:2", b"Upgrade:x|Keep-Alive:y"))
    yield b"A:b\r\nB:c" + end
    yield b"Connection:close" + end


def http_date() -> Seeds:
    yield from (octets(vector["text"]) + bytes(8) for vector in read_vectors("http/dates"))


def host_rule() -> Seeds:
    for text in given("parse_authority", "is_loopback_name"):
        yield text + b"\n" + text + b"\nhttp://" + text
    for allowed, host in (("*", "a"), ("*.example.org", "chat.example.org:80"), ("::1", "[::1]"), ("a,b.", "B.")):
        yield f"{allowed}\n{host}\nhttps://{host}/".encode()
    yield b"a\na\nnull"
    yield b"a\na\nfile://"


def forwarded() -> Seeds:
    lists = (
        ("127.0.0.1, 10.0.0.0/8, unix", "6.6.6.6, 192.0.2.1:80, 10.0.0.2", "chat.example.org", "for=192.0.2.1"),
        ("::/0,::ffff:10.0.0.0/104", "2001:db8::1, unknown", "a, [::1]:8000", 'for="[2001:db8::1]:80";proto=https'),
        ("0.0.0.0/0", '", 10.0.0.256', "a b", 'for=_a;host="a\\"b", for=unknown;by=_x'),
        ("", "_hidden,,", "", 'for=6.6.6.6;x="'),
    )
    for number, lines in enumerate(lists):
        yield "\n".join(lines).encode() + bytes([number % 2])


def proxy_header() -> Seeds:
    signature = b"\r\n\r\n\0\r\nQUIT\n"
    ipv4 = bytes([192, 0, 2, 1, 203, 0, 113, 1]) + bytes.fromhex("dc0401bb")
    headers = (
        b"PROXY TCP4 192.0.2.1 203.0.113.1 56324 443\r\n",
        b"PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 1 65535\r\n",
        b"PROXY UNKNOWN ffff::1\r\n",
        b"PROXY UNKNOWN " + b"x" * 95,
        signature + b"\x21\x11\0\x0c" + ipv4,
        signature + b"\x21\x12\0\x11" + ipv4 + b"\x04\0\x02\0\0",
        signature + b"\x21\x21\0\x24" + bytes(36),
        signature + b"\x21\x31\0\xd8" + b"/" * 216,
        signature + b"\x21\0\0\0",
        signature + b"\x20\0\0\0",
        signature + b"\x21\x11\xff\xff",
    )
    for header in headers:
        yield header + b"GET / HTTP/1.1\r\n" + NO_CUTS
        yield header + ONE_CUT


def ip_address() -> Seeds:
    yield from given("parse_authority", "is_loopback_name")
    yield from (
        b"1.2.3.4",
        b"255.255.255.255",
        b"::",
        b"1::",
        b"1:2:3:4:5:6:7:8",
        b"::ffff:1.2.3.4",
        b"1:2:3:4:5:6:7::",
    )


def byte_range() -> Seeds:
    size = b"\0" + (10).to_bytes(8, "big")
    for field in ("0-0", "2-", "-3", "4-2", "10-", "-0", "1-2,4-5", "18446744073709551615-"):
        yield b"bytes=" + field.encode() + size


def router() -> Seeds:
    for vector in read_vectors("http/routes"):
        lines = [[*route] for route in vector["routes"]]
        lines.append([])
        lines += [[request["method"], request["path"]] for request in vector["requests"]]
        yield b"\n".join(b" ".join(octets(word or "WS") for word in line) for line in lines)
    for vector in read_vectors("http/patterns"):
        yield b"GET " + octets(vector["pattern"]) + b"\n\nGET " + octets(vector["pattern"])


def settings() -> Seeds:
    for line in ("max_body 1e3", "ping_interval 0.25", "low_water 70000", "allowed_origins https://a.example, null"):
        yield line.encode()
    yield b"trusted_proxies 10.0.0.0/8, unix, ::1\nproxy_protocol true\nproxy_protocol 1\ntrusted_proxies 10.0.0.1/8"
    yield b"allowed_hosts a, *.b, ::1\nmax_fields 5\nmax_fields 0\nmax_feilds 1\nshutdown_timeout 0\nbacklog +1.5"


def content_coding() -> Seeds:
    """The same text in gzip, two members of it, deflate of two kinds, br and zstd; and values of Accept-Encoding."""
    text = b"item 1, item 2, " * 8
    raw = zlib.compressobj(wbits=-15)
    bodies = [
        (gzip.compress(text, mtime=0), 0),
        (gzip.compress(text, mtime=0) * 2, 0),
        (zlib.compress(text), 1),
        (raw.compress(text) + raw.flush(), 1),
        (bytes.fromhex("1f7f0000c4318ef47c79f461d8ce067609ac1c2a7d0611f872"), 2),
        (
            bytes.fromhex(
                "28b52ffd0458a50100f06974656d20312c206974656d203231323132313231323132313231322c200e040440c00106041c6040c00106041c60405851023ca63150"
            ),
            3,
        ),
    ]
    for accepted in ("gzip, deflate, br, zstd", "gzip;q=0.5, *;q=0.1, identity;q=0", "x-gzip ; q=1.000 ,,br"):
        for body, coding in bodies:
            yield f"{accepted}\n".encode() + body + NO_CUTS + bytes([coding])


def tls_records() -> Seeds:
    scripts = (
        b"w 100\nD\nt\nt\nD\nt\nW 100\nt\ne\nD\nt\nf",
        b"d 1\nt\nd 100\nt\nd 3\nt\nD\nt\nt\nd 20\nt\nw 5\nD\nt\nf\nt",
        b"w 20000\nW 39999\nP 7\nD\nt\nt\nD\nA 100\nt\nS\nt\nt\nD\nt",
        b"b 10\nD\nt\nt\nt\nD\nt\ny\nW 30000\nt\nt\ny\nt\nt\nb 100\nt\nz",
        b"o\nD\nt\nt\nD\nt\nW 100\nt\np\nw 100\nD\nt\nk\nD\nt\ng\nt\nk\nn\nD\nt\nq\nt",
        b"D\nt\nt\nD\nt\nw 9\nw 9\nw 9\ns 0\nD\nt\nt",
        b"D\nt\nt\nD\nt\nw 9\nw 9\nx 7\nu 1\nD\nt\nt\nr\nt",
        b"D\nt\nt\nD\nt\nw 9\nc 0\nw 9\nD\nt\nW 5\nt\nt",
        b"i 0GET / HTTP/1.1\r\nD\nt\nt",
        b"D\nt\nt\nD\nt\ni 0\x17\x03\x03\0\2ab\nD\nt\nt",
    )
    for script in scripts:
        for kind in range(4):
            yield script + bytes([kind])


def ws_deflate() -> Seeds:
    offers = (
        "",
        "; client_max_window_bits",
        "; server_max_window_bits=9; client_max_window_bits=10",
        "; server_no_context_takeover; client_no_context_takeover",
    )
    for number, offer in enumerate(offers):
        yield f"permessage-deflate{offer}\nHello\n{'item ' * 50}\nHello\n".encode() + bytes([number])


def ws_inflate() -> Seeds:
    """RFC 7692 section 7.2.3, and payloads of zlib."""
    end = NO_CUTS + b"\x40"
    for takeover in (b"\0", b"\1"):
        for payload in (
            "f248cdc9c90700",
            "000500faff48656c6c6f00",
            "f348cdc9c9070000",
            "f24805000000ffffcac9c90700",
            "f348cdc9c90700f20011000000",
        ):
            yield bytes.fromhex(payload) + end + takeover
        yield bytes.fromhex("f248cdc9c90700") + b"|\n" + bytes.fromhex("f200110000") + end + takeover
        compressor = zlib.compressobj(wbits=-15)
        message = compressor.compress(b"item 1, item 2, " * 40) + compressor.flush(zlib.Z_SYNC_FLUSH)
        yield message[:-4] + end + takeover


def ws_connection() -> Seeds:
    limits = {"max_message_size": 2, "max_fragments": 4, "max_empty_fragments": 8}
    for name in ("close_codes", "control", "fragments", "frames", "sizes", "utf8"):
        for vector in read_vectors(f"ws/{name}"):
            choice = sum(bit for limit, bit in limits.items() if limit in vector.get("limits", {}))
            choice += (vector["role"] == "client") + 16 * ("close_first" in vector)
            yield hex_octets(vector["in"]) + ONE_CUT + bytes([choice])


def ws_pair() -> Seeds:
    yield b"cthello\nsthello\ncd\xff\nsd\xff\ncpping\ncd\x03\nsbdata\nsd\x04\nsd\xff"
    yield b"sxbye\nctlate\ncd\xff\nsd\xff\ncplate\ncd\xff"
    yield b"cxbye\nsxbye\ncd\xff\nsd\xff"
    yield b"ct" + b"m" * 200 + b"\ncopong\ncd\x7f\ncd\x7f\ncd\x01\nsp\nsd\xff\ncd\xff"


def ws_handshake() -> Seeds:
    for vector in read_vectors("ws/handshakes"):
        if vector["role"] == "server":
            yield octets(vector["request"]) + b"\0"
        else:
            yield octets(vector["response"]) + b"\1"


def main() -> None:
    folder = Path(sys.argv[1])
    for make in (byte_range, content_coding, forwarded, host_rule, http_date, http_fields, http_form, http_request,
                 http_response, http_url, ip_address, proxy_header, router, settings, tls_records, ws_connection,
                 ws_deflate, ws_handshake, ws_inflate, ws_pair):  # fmt: skip
        target = folder / make.__name__
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for seed in make():
            if len(seed) <= MAX_SEED_BYTES:
                (target / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)


if __name__ == "__main__":
    main()
