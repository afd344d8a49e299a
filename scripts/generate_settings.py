"""Generates files from the table of settings, contract/settings.json: ``generate_settings.py [--check] [ROOT]``.

- src/service/settings_defaults.hpp: the C++ structs with their defaults;
- src/service/settings_ranges.hpp: the range of each numeric setting, and the older names;
- python/proapi/settings.py, between its markers: the TypedDicts, the older names and the switches;
- docs/reference.md, between its markers: the table of settings.

``--check`` writes nothing. It prints one line for each file that differs; the exit status is then 1. Both modes report
rows that contradict themselves, and then write nothing.
"""

import json
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import generated
from generated import COMMAND

TABLE = "contract/settings.json"
ORIGIN = f"Generated from {TABLE} by scripts/generate_settings.py"
WIDTH = 120  # of a line in C++ and Python

Number = int | float


@dataclass(frozen=True)
class Kind:
    """How the values of a kind of setting are written: their types in C++ and Python, and numbers in the
    documentation."""

    cpp: str
    python: str
    write_default: Callable[[Any], str]
    write_bound: Callable[[Number], str] | None = None  # None: the values are not numbers
    beyond: str = "Beyond it"
    # If the values are not numbers:
    default: Any = None
    values: str = ""  # in the documentation
    section: str = ""  # of docs/reference.md, which describes them
    cpp_default: str = ""


def write_count(value: Number) -> str:
    """Returns "65,535", for example; multiples of 2²⁰ and 2³⁰ as such."""
    for exponent, raised in ((30, "³⁰"), (20, "²⁰")):
        factor, rest = divmod(value, 2**exponent)
        if factor > 0 and rest == 0:
            return f"2{raised}" if factor == 1 else f"{factor:,}·2{raised}"
    return f"{value:,}"


def write_octets(value: Number) -> str:
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if value > 0 and value % size == 0:
            return f"{value // size:,} {unit}"
    return f"{value:,}"


def write_seconds(value: Number) -> str:
    return "0" if value == 0 else f"{value:g} s" if value >= 1 else f"{value * 1000:g} ms"


def write_time_bound(value: Number) -> str:
    days, rest = divmod(value, 86400)
    if days == 0 or rest != 0:
        return write_seconds(value)
    return "a day" if days == 1 else f"{days} days"


def write_none(_: Any) -> str:
    return "none"


def write_off(_: Any) -> str:
    return "off"


def write_quoted(value: Any) -> str:
    return f'`"{value}"`'


def list_kind(section: str, values: str = 'list, or `"*"`') -> Kind:
    return Kind(
        "std::vector<std::string>",
        "str | Iterable[str]",
        write_none,
        beyond="Others",
        default=[],
        values=values,
        section=section,
    )


KINDS = {
    "count": Kind("std::uint64_t", "int", write_count, write_count),
    "octets": Kind("std::uint64_t", "int", write_octets, write_octets),
    "octets_per_second": Kind(
        "std::uint64_t", "int", lambda value: f"{value:,} a second", write_count, beyond="Below it"
    ),
    "seconds": Kind("std::chrono::milliseconds", "Seconds", write_seconds, write_time_bound),
    "origins": list_kind("origins"),
    "hosts": list_kind("hosts"),
    "networks": list_kind("proxies", "list"),
    "switch": Kind(
        "bool",
        "bool",
        write_off,
        beyond="Without it",
        default=False,
        values="off or on",
        cpp_default="false",
    ),
    "compression": Kind(
        "Compression",
        'Literal["shared", "dedicated"] | None',
        write_none,
        beyond="Otherwise",
        default="none",
        values='none, `"shared"` or `"dedicated"`',
        section="compression",
        cpp_default="Compression::none",
    ),
    "rate_action": Kind(
        "RateAction",
        'Literal["pause", "close"]',
        write_quoted,
        default="pause",
        values='`"pause"` or `"close"`',
        section="message-rate",
        cpp_default="RateAction::pause",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One row of the table."""

    name: str
    scope: str  # "websocket", "http": routes of that kind may have their own value; or "server"
    kind: str
    default: Any  # a number, [] for a list, or the kind's default
    description: str
    beyond: str  # what happens; contains close_code or status if there is one
    minimum: Number = 0
    maximum: Number = 0
    default_note: str = ""
    close_code: int | None = None
    status: int | None = None
    aliases: Sequence[str] = ()  # older names, which are still accepted
    section: str = ""  # of the reference; the kind's, if it is empty

    @property
    def is_number(self) -> bool:
        return KINDS[self.kind].write_bound is not None

    @property
    def default_text(self) -> str:
        text = KINDS[self.kind].write_default(self.default)
        return f"{text}: {self.default_note}" if self.default_note else text

    @property
    def range_text(self) -> str:
        write_bound = KINDS[self.kind].write_bound
        if write_bound is None:
            return KINDS[self.kind].values
        return " to ".join(write_bound(bound) for bound in (self.minimum, self.maximum))

    @property
    def comment(self) -> tuple[str, str]:
        """The comment in C++ and Python: two lines, not wrapped, in ASCII."""
        bounds = f" Range {self.range_text}." if self.is_number else ""
        numbers = f"Default {self.default_text}.{bounds}"
        for sign, ascii_text in (("²⁰", "^20"), ("³⁰", "^30"), ("·", " * ")):
            numbers = numbers.replace(sign, ascii_text)
        return self.description, f"{numbers} {KINDS[self.kind].beyond}: {self.beyond}."


# ---- the table ----


KEYS = set(Setting.__dataclass_fields__)
SCOPES = ("websocket", "http", "server")
REQUIRED = {"name", "scope", "kind", "default", "description", "beyond"}


def read_table(root: Path) -> list[Setting]:
    """Raises SystemExit if the table is not JSON, or with one line for each row that contradicts itself."""
    try:
        rows = json.loads((root / TABLE).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        sys.exit(f"{TABLE}: invalid JSON: {error}")
    wrong = [
        f"{TABLE}: {row.get('name', row)}: {text}"
        for index, row in enumerate(rows)
        for text in [check_row(row) or ("expected it once" if is_named_before(row, rows[:index]) else "")]
        if text
    ]
    if wrong:
        sys.exit("\n".join(wrong))
    return [Setting(**row) for row in rows]


def list_names(row: dict[str, Any]) -> list[str]:
    return [row.get("name", ""), *row.get("aliases", [])]


def is_named_before(row: dict[str, Any], earlier: Sequence[dict[str, Any]]) -> bool:
    """Whether a name of the row occurs in an earlier row, or twice in this one."""
    known = {name for each in earlier for name in list_names(each)}
    return len(known | set(list_names(row))) < len(known) + len(list_names(row))


def check_row(row: dict[str, Any]) -> str:
    """Returns what is wrong with the row, or "" if nothing is."""
    if unknown := row.keys() - KEYS:
        return f"expected keys of {sorted(KEYS)}, got {sorted(unknown)}"
    if row.get("kind") not in KINDS:
        return f"kind: expected one of {', '.join(KINDS)}; got {row.get('kind')!r}"
    is_number = KINDS[row["kind"]].write_bound is not None
    required = REQUIRED | ({"minimum", "maximum"} if is_number else set())
    if missing := required - row.keys():
        return f"expected a value for each of {sorted(required)}, but {sorted(missing)} is missing"
    for name in list_names(row):
        if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name):
            return "name: expected snake_case"
    if row["scope"] not in SCOPES:
        return f"scope: expected {', '.join(SCOPES[:-1])} or {SCOPES[-1]}, got {row['scope']!r}"
    return check_texts(row) or (check_numbers(row) if is_number else check_other(row))


def check_texts(row: dict[str, Any]) -> str:
    if not row["description"].endswith("."):
        return "description: expected a full stop at its end"
    for key in ("close_code", "status"):
        if key in row and str(row[key]) not in row["beyond"]:
            return f"beyond: expected a text that names the {key} {row[key]}, got {row['beyond']!r}"
    return ""


def check_other(row: dict[str, Any]) -> str:
    kind = KINDS[row["kind"]]
    if row["default"] != kind.default:
        return f"default: expected {kind.default} for the kind {row['kind']}, got {row['default']}"
    return f"expected no range for the kind {row['kind']}" if {"minimum", "maximum"} & row.keys() else ""


def check_numbers(row: dict[str, Any]) -> str:
    numbers = [row["minimum"], row["default"], row["maximum"]]
    if row["kind"] != "seconds" and not all(isinstance(each, int) for each in numbers):
        return f"expected whole numbers, got {numbers}"
    if not row["minimum"] <= row["default"] <= row["maximum"]:
        return f"default: expected {row['minimum']} to {row['maximum']}, got {row['default']}"
    return ""


# ---- comments ----


def wrap(line: str, indent: str) -> list[str]:
    return textwrap.wrap(
        line, WIDTH, break_long_words=False, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


# ---- C++ ----


def cpp_number(value: Number) -> str:
    return f"{value:,}".replace(",", "'") if value >= 10_000 else str(value)


def cpp_member(setting: Setting) -> str:
    kind = KINDS[setting.kind]
    if not setting.is_number:
        return f"{kind.cpp} {setting.name}" + (f" = {kind.cpp_default};" if kind.cpp_default else ";")
    if setting.kind == "seconds":
        return f"{kind.cpp} {setting.name}{{{cpp_number(round(setting.default * 1000))}}};"
    return f"{kind.cpp} {setting.name} = {cpp_number(setting.default)};"


def cpp_struct(head: str, settings: Sequence[Setting]) -> Iterator[str]:
    yield f"{head} {{"
    for index, setting in enumerate(settings):
        if index > 0:
            yield ""
        for line in setting.comment:
            yield from wrap(line, "    // ")
        yield f"    {cpp_member(setting)}"
    yield "};"


def cpp_ranges(name: str, struct: str, settings: Sequence[Setting]) -> Iterator[str]:
    yield f"inline constexpr std::array {name}{{"
    for setting in settings:
        if setting.is_number:
            bounds = f"{cpp_number(setting.minimum)}, {cpp_number(setting.maximum)}"
            yield f'    Limit{{"{setting.name}", &{struct}::{setting.name}, {bounds}}},'
    yield "};"


def of_scope(settings: Sequence[Setting], scope: str) -> list[Setting]:
    return [each for each in settings if each.scope == scope]


def write_defaults(settings: Sequence[Setting]) -> Iterator[str]:
    yield f"// {ORIGIN}. Change the table, then run `{COMMAND}`."
    yield from ("#pragma once", "", "#include <chrono>", "#include <cstdint>", "#include <string>", "#include <vector>")
    yield from ("", '#include "service/compression.hpp"', '#include "service/rate_action.hpp"')
    yield from ("", "namespace proapi::service {", "", "// The settings that a WebSocket route may set for itself.")
    yield from cpp_struct("struct WebSocketSettings", of_scope(settings, "websocket"))
    yield from ("", "// The settings that an HTTP route may set for itself.")
    yield from cpp_struct("struct HttpSettings", of_scope(settings, "http"))
    yield from ("", "// The settings of an application. Those that it inherits are the defaults of its routes.")
    yield from cpp_struct("struct Settings : WebSocketSettings, HttpSettings", of_scope(settings, "server"))
    yield from ("", "}  // namespace proapi::service")


def write_ranges(settings: Sequence[Setting]) -> Iterator[str]:
    yield f"// {ORIGIN}. Change the table, then run `{COMMAND}`."
    yield from ("#pragma once", "", "#include <array>", "", '#include "service/settings.hpp"')
    yield from ("", "namespace proapi::service {", "", "// Name, member, minimum and maximum of each number.")
    yield from cpp_ranges("websocket_limits", "WebSocketSettings", of_scope(settings, "websocket"))
    yield ""
    yield from cpp_ranges("http_limits", "HttpSettings", of_scope(settings, "http"))
    yield ""
    yield from cpp_ranges("server_limits", "Settings", of_scope(settings, "server"))
    yield from (
        "",
        "// Older names, which are still accepted, and the settings that they stand for.",
        "inline constexpr auto setting_aliases = std::to_array<SettingAlias>({",
    )
    yield from (f'    {{"{alias}", "{each.name}"}},' for each in settings for alias in each.aliases)
    yield "});"
    yield from ("", "}  // namespace proapi::service")


# ---- Python and documentation ----


def python_class(head: str, docstring: str, settings: Sequence[Setting]) -> Iterator[str]:
    yield f"class {head}:"
    yield f'    """{docstring}"""'
    for setting in settings:
        yield ""
        yield f"    {setting.name}: {KINDS[setting.kind].python}"
        description, rules = setting.comment
        yield from wrap(f'"""{description}', "    ")
        yield from wrap(f'{rules}"""', "    ")
        for alias in setting.aliases:
            yield ""
            yield f"    {alias}: {KINDS[setting.kind].python}"
            yield f'    """The older name of `{setting.name}`."""'


def write_typed_dicts(settings: Sequence[Setting]) -> Iterator[str]:
    yield from ("", "")
    yield from python_class(
        "RouteSettings(TypedDict, total=False)",
        "The settings that a WebSocket route may set.",
        of_scope(settings, "websocket"),
    )
    yield from ("", "")
    yield from python_class(
        "HttpRouteSettings(TypedDict, total=False)",
        "The settings that an HTTP route may set.",
        of_scope(settings, "http"),
    )
    yield from ("", "")
    yield from python_class(
        "Settings(RouteSettings, HttpRouteSettings, total=False)",
        "The settings of an application; those that it inherits are the defaults of its routes.",
        of_scope(settings, "server"),
    )
    yield from ("", "")
    yield "ALIASES = {" + ", ".join(f'"{alias}": "{each.name}"' for each in settings for alias in each.aliases) + "}"
    yield '"""Older names, which are still accepted, and the settings that they stand for."""'
    yield ""
    yield "SWITCHES = (" + ", ".join(f'"{each.name}"' for each in settings if each.kind == "switch") + ")"
    yield '"""Settings that are on or off."""'
    yield ""


def write_reference(settings: Sequence[Setting]) -> Iterator[str]:
    yield from ("", "| setting | default | range | route | what it limits | beyond it |", "|---|---|---|---|---|---|")
    for each in settings:
        route = {"websocket": " WebSocket ", "http": " HTTP "}.get(each.scope, " ")
        section = each.section or KINDS[each.kind].section
        beyond = f"[{each.beyond}](#{section})" if section else each.beyond
        cells = f"`{each.name}` | {each.default_text} | {each.range_text} |{route}| {each.description} | {beyond}"
        yield f"| {cells} |"
    yield ""


# ---- files ----


@dataclass(frozen=True)
class Output:
    """One generated file, or the part of a file between two markers."""

    path: str
    write: Callable[[Sequence[Setting]], Iterator[str]]
    begin: str = ""
    end: str = ""

    def render(self, settings: Sequence[Setting], now: str) -> str:
        """Returns the whole text that the file should have; ``now`` is its present text."""
        lines = self.write(settings)
        if not self.begin:
            return "".join(f"{line}\n" for line in lines)
        return generated.put_between(self.begin, self.end, lines, self.path, now)


OUTPUTS = (
    Output("src/service/settings_defaults.hpp", write_defaults),
    Output("src/service/settings_ranges.hpp", write_ranges),
    Output(
        "python/proapi/settings.py",
        write_typed_dicts,
        begin=f"# {ORIGIN}; change the table, then run `{COMMAND}`:",
        end="# End of what is generated.",
    ),
    Output(
        "docs/reference.md",
        write_reference,
        begin=f"<!-- {ORIGIN}; change the table, then run `{COMMAND}`: -->",
        end="<!-- End of what is generated. -->",
    ),
)


def main() -> int:
    arguments = sys.argv[1:]
    is_check = "--check" in arguments
    roots = [Path(each) for each in arguments if each != "--check"]
    root = roots[0] if roots else Path(__file__).parents[1]
    settings = read_table(root)
    status = 0
    for output in OUTPUTS:
        wanted = output.render(settings, generated.read(root, output.path))
        if not is_check:
            generated.write(root, output.path, wanted)
        elif not generated.check(root, output.path, wanted, TABLE):
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
