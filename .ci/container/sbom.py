"""Complete the list of what is in the image: to Python's packages come those of Debian.

Usage: sbom.py FOLDER VERSION <PYTHON.json >ALL.json, both CycloneDX. FOLDER is what `gather.py`
made: what it says of Debian's packages is read from there. VERSION is the program's; the
interpreter is the one that runs this. The answer is checked against CycloneDX's schema.
"""

# ruff: noqa: INP001 - a script of the build
from __future__ import annotations

import email
import json
import platform
import sys
from pathlib import Path

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL


def of_debian(status: Path) -> Component:
    """Return the package whose record, as dpkg keeps it, is the file *status*."""
    said = email.message_from_bytes(status.read_bytes())
    name, version, machine = said["Package"], said["Version"], said["Architecture"]
    return Component(
        type=ComponentType.LIBRARY,
        name=name,
        version=version,
        description=said["Description"].partition("\n")[0],
        bom_ref=f"deb:{name}",
        purl=PackageURL("deb", "debian", name, version, {"arch": machine}),
    )


def interpreter() -> Component:
    """Return Python itself, which the base may have from elsewhere than Debian."""
    version = platform.python_version()
    purl = PackageURL("generic", None, "python", version)
    return Component(
        type=ComponentType.PLATFORM, name="python", version=version, bom_ref="python", purl=purl
    )


def main() -> None:
    """Read, complete, check and write."""
    folder, version = sys.argv[1:]
    bom = Bom.from_json(json.load(sys.stdin))  # type: ignore[attr-defined]  # made at run time
    bom.metadata.component.version = version
    bom.components.add(interpreter())
    for status in sorted(Path(folder, "var/lib/dpkg/status.d").iterdir()):
        bom.components.add(of_debian(status))
    output = JsonV1Dot6(bom)
    made = output.output_as_string(indent=1)
    flaw = JsonStrictValidator(output.schema_version).validate_str(made)
    if flaw is not None:
        sys.exit(f"what was made is no CycloneDX: {flaw}")
    sys.stdout.write(f"{made}\n")


if __name__ == "__main__":
    main()
