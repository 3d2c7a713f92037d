"""Write a requirements file with the hash of each package that an installation takes from the index.

    python docs/supply/hashes.py ".[demo]" --constraint constraints.txt --out requirements-hashes.txt

pip resolves the installation without installing anything, and reports the files and their sha256. The file names no
index: it works with any that has the same files. The project itself is left out; hatchling, which builds it, is in.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

HEAD = """# Written by docs/supply/hashes.py for Python {version} on {platform}: {what}
# pip install --require-hashes -r {name}; pip install --no-deps --no-build-isolation .
"""


def main() -> None:
    """Resolve, and write the file; exit code 1 if pip cannot, or a package has no hash."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", help="what to install, such as .[demo]")
    parser.add_argument("--constraint", type=Path, default=Path("constraints.txt"))
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        options = ["--dry-run", "--ignore-installed", "--quiet", "--report", str(report), "-c", arguments.constraint]
        pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
        if code := subprocess.run([*pip, *options, "hatchling", arguments.what], check=False).returncode:
            sys.exit(code)
        items = json.loads(report.read_text(encoding="utf-8"))["install"]
    lines = []
    for item in items:
        name, version = item["metadata"]["name"], item["metadata"]["version"]
        if "dir_info" in item["download_info"]:  # the project itself
            continue
        if not (digest := item["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256")):
            sys.exit(f"{name}=={version}: the index reports no sha256; expected one")
        lines.append(f"{name}=={version} --hash=sha256:{digest}\n")
    version = ".".join(map(str, sys.version_info[:2]))
    head = HEAD.format(version=version, platform=sys.platform, what=arguments.what, name=arguments.out.name)
    arguments.out.write_text(head + "".join(sorted(lines, key=str.lower)), encoding="utf-8")


if __name__ == "__main__":
    main()
