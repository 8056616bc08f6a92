#!/usr/bin/env python3
"""A second opinion on what records say of versions: OSV's published algorithm, with the orders of
versions of `univers` and `packaging` (PyPI). `pip install univers packaging`, then

    python3 evaluate.py > verdicts.tsv

The test `matcher` compares it with what a pack says, pair by pair."""

import json
import pathlib

from packaging.version import InvalidVersion, Version
from univers import versions

HERE = pathlib.Path(__file__).parent
ORDERS = {
    "Debian": versions.DebianVersion,
    "Alpine": versions.AlpineLinuxVersion,
    "Rocky Linux": versions.RpmVersion,
    "npm": versions.SemverVersion,
    "crates.io": versions.SemverVersion,
    "Go": versions.SemverVersion,
    "Maven": versions.MavenVersion,
    "PyPI": Version,
}
# What is put behind versions to come near their ends.
NEAR = {
    "Debian": ["~", "+b1", ".1"],
    "Alpine": ["_p1"],
    "Rocky Linux": [".1", "~rc1"],
    "npm": ["-rc.0"],
    "crates.io": ["-rc.0"],
    "Go": ["-rc.1", "-0.20230101000000-abcdef123456"],
    "Maven": ["-rc1", ".1", "-1"],
    "PyPI": ["rc1", ".post1", ".dev0", "+local"],
}
PLAIN = {
    "Debian": ["0", "1", "1:0", "3.0.11-1~deb12u2", "9999:1"],
    "Alpine": ["0", "1.2.11-r9", "3.1.0_rc1-r0", "99-r0"],
    "Rocky Linux": ["0", "3.0.7-16.el9_2", "1:3.0.7-6.el9_2", "2:1-1"],
    "npm": ["0.0.0", "1.0.1", "1.2.1", "4.17.20", "2.0.0-rc.1", "99.0.0"],
    "crates.io": ["0.1.44", "0.2.6", "0.3.0", "0.2.7"],
    "Go": ["0.1.0", "1.20.9", "1.21.0", "1.21.0-rc.2", "99.0.0"],
    "Maven": ["2.0-beta9", "2.12.4", "2.14.1", "2.15.0", "3.0.0-alpha1"],
    "PyPI": ["0", "1", "1.0.0", "2.11", "2.11.3", "99"],
}


def read(family, text):
    try:
        return ORDERS[family](text)
    except (InvalidVersion, versions.InvalidVersion, ValueError, TypeError):
        return None


def affects(family, affected, text):
    version = read(family, text)
    if text in affected.get("versions", []):
        return True
    if any(read(family, listed) == version for listed in affected.get("versions", [])):
        return True
    for one in affected.get("ranges", []):
        key = lambda event: (next(iter(event.values())) != "0", Key(family, event))
        # Only `<` is asked for: of Alpine's versions univers has a `>=` that says otherwise.
        vulnerable = False
        for event in sorted(one["events"], key=key):
            ((kind, at),) = event.items()
            at = None if at == "0" else read(family, at)
            if kind == "introduced" and (at is None or not version < at):
                vulnerable = True
            elif kind == "fixed" and not version < at:
                vulnerable = False
            elif kind == "last_affected" and at < version:
                vulnerable = False
        if vulnerable:
            return True
    return False


class Key:
    def __init__(self, family, event):
        text = next(iter(event.values()))
        self.version = None if text == "0" else read(family, text)

    def __lt__(self, other):
        if self.version is None or other.version is None:
            return False
        return self.version < other.version


def main():
    records = [json.loads(path.read_text()) for path in sorted(HERE.glob("osv/*.json"))]
    records = [record for record in records if "withdrawn" not in record]
    names = {}
    for record in records:
        for affected in record["affected"]:
            package = affected["package"]
            family = package["ecosystem"].split(":")[0]
            if family not in ORDERS:
                continue
            of = names.setdefault((package["ecosystem"], package["name"]), set(PLAIN[family]))
            events = [event for one in affected.get("ranges", []) for event in one["events"]]
            ends = [next(iter(event.values())) for event in events] + affected.get("versions", [])
            of.update(ends)
            of.update(end + near for end in ends if end != "0" for near in NEAR[family])
    for record in records:
        for package in sorted({
            (affected["package"]["ecosystem"], affected["package"]["name"])
            for affected in record["affected"]
        }):
            family = package[0].split(":")[0]
            for version in sorted(names.get(package, ())):
                if read(family, version) is None:
                    continue
                said = any(
                    affects(family, affected, version)
                    for affected in record["affected"]
                    if (affected["package"]["ecosystem"], affected["package"]["name"]) == package
                )
                said = "affected" if said else "not-affected"
                print(record["id"], *package, version, said, sep="\t")


main()
