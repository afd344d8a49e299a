"""Serves a documented program unchanged: python documented.py FILE standard|fast"""

import importlib.util
import sys

path, mode = sys.argv[1:]
spec = importlib.util.spec_from_file_location("documented_program", path)
assert spec
assert spec.loader
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
if mode == "fast":
    module.app.run(port=0, fast=True)
else:
    module.app.run(port=0)
