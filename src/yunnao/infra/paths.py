"""Where the project's own files are: packs, migrations, the built console."""

from pathlib import Path


def project_root() -> Path:
    """The checkout that this package runs from; `cities`, `scenes`, `web`, `migrations` lie there."""
    return Path(__file__).resolve().parents[3]
