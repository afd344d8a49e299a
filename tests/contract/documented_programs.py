"""The programs of docs/programs.md, read from the page."""

import re

from front_ends import ROOT

PREAMBLE = "from proapi import ProAPI\napp = ProAPI()\n"

_PAGE = (ROOT / "docs" / "programs.md").read_text()
_BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", _PAGE, re.MULTILINE | re.DOTALL)

PREAMBLE_ON_THE_PAGE, ECHO, ROOMS, CHAT, CAREFUL = [text for language, text in _BLOCKS if language == "python"]
[BROWSER] = [text for language, text in _BLOCKS if language == "javascript"]
