"""The official sheet for rules.py: one document a line of the standard input, the seconds that it takes a line of the standard output."""

import json
import sys
import time

from flux.official import Sheets


def main():
    sheets = Sheets()
    for line in sys.stdin:
        asked = json.loads(line)
        sheets.rules(asked["syntax"], asked["document"])  # compiled, and warm
        count, began = 0, time.perf_counter()
        while (taken := time.perf_counter() - began) < asked["least_s"]:
            sheets.report(asked["syntax"], asked["document"])
            count += 1
        print(json.dumps({"seconds": taken / count}), flush=True)


if __name__ == "__main__":
    main()
