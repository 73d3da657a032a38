"""One scenario in a process of its own: `child.py SCENARIO JSON`; writes its result as JSON.

An effect that crashes takes its host along, so each host is a process that may be lost.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import scenarios_project
import scenarios_rules
import scenarios_trouble
from scenario_base import SCENARIOS

__all__ = ["scenarios_project", "scenarios_rules", "scenarios_trouble"]

if __name__ == "__main__":
    name, arguments = sys.argv[1], json.loads(sys.argv[2])
    sys.stdout.write("RESULT " + json.dumps(SCENARIOS[name](**arguments)) + "\n")
