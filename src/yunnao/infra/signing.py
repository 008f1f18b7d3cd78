"""Ed25519 signatures; keys and signatures in base64."""

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from pathlib import Path

from nacl.exceptions import BadSignatureError, CryptoError
from nacl.signing import SigningKey, VerifyKey

from yunnao.infra.embedded.processes import write_private


def signing_key(file: Path) -> SigningKey:
    """The key kept in `file`, made when it is first needed."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_private(file, b64encode(bytes(SigningKey.generate())).decode())
    return SigningKey(b64decode(file.read_text(encoding="ascii")))


def public_half(key: SigningKey) -> str:
    return b64encode(bytes(key.verify_key)).decode()


def sign(key: SigningKey, message: bytes) -> str:
    return b64encode(key.sign(message).signature).decode()


def is_signed(public: str, message: bytes, signature: str) -> bool:
    """Whether the holder of the other half of `public` signed `message`."""
    try:
        VerifyKey(b64decode(public, validate=True)).verify(message, b64decode(signature, validate=True))
    except (BadSignatureError, CryptoError, NotBase64, ValueError, TypeError):
        return False
    return True
