"""Everything hostile that a user can be given: versions, files and servers. Prints the counts of how each kind ends.

python tests/security/attack.py                     # all of it, which takes hours
python tests/security/attack.py --quick             # the smaller form, of a few minutes
python tests/security/attack.py versions servers    # some parts of it

The exit code is 1 if anything ends otherwise than it should; the last lines then say what.
"""

import argparse

QUICK = {"weights": 8, "each": 4, "commands": 0}  # files of a kind
PARTS = ("versions", "files", "servers")


def main(parts, quick: bool = False, run: str = "") -> list[str]:
    """Prints the counts of some parts, and returns what was wrong, a line each; a part imports what it needs."""
    wrong = []
    if "versions" in parts:
        import versions

        wrong += versions.main(quick)
    if "files" in parts:
        import files

        wrong += files.main(**(QUICK if quick else {}), run=run)
    if "servers" in parts:
        import servers

        wrong += servers.main(quick)
    return wrong


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default="all", choices=["all", *PARTS], help="by default all")
    parser.add_argument("--quick", action="store_true", help="the smaller form")
    parser.add_argument("--run", default="", help="a clean run of vae for the files; by default one is trained")
    chosen = parser.parse_args()
    failures = main(PARTS if "all" in chosen.parts else chosen.parts, chosen.quick, chosen.run)
    print("\n".join(failures), end="\n" * bool(failures))
    raise SystemExit(bool(failures))
