"""An authority that signs certificates for tests, by the program openssl."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True)
class Pair:
    cert: Path
    key: Path


class Authority:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self.own = Pair(folder / "ca.pem", folder / "ca.key")
        _openssl(
            "req", "-x509", *KEY, "-days", "2", "-subj", "/CN=Authority",
            "-keyout", str(self.own.key), "-out", str(self.own.cert),
        )  # fmt: skip

    def sign(self, name: str, common_name: str, alternative: str = "DNS:other") -> Pair:
        """A certificate and its key; `alternative` as openssl writes subjectAltName."""
        made = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        request, extensions = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternative}\nextendedKeyUsage=serverAuth,clientAuth\n")
        _openssl(
            "req", *KEY, "-utf8", "-subj", f"/O=City/CN={common_name}",
            "-keyout", str(made.key), "-out", str(request),
        )  # fmt: skip
        _openssl(
            "x509", "-req", "-days", "1", "-in", str(request), "-out", str(made.cert),
            "-CA", str(self.own.cert), "-CAkey", str(self.own.key), "-CAcreateserial",
            "-extfile", str(extensions),
        )  # fmt: skip
        return made


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
