"""The ``ssl_*`` options of ``app.run()`` and ``app.serve()``: checked here, used by the engine."""

import os
import ssl
from collections.abc import Sequence

from .._core.binding import Engine, TlsOptions
from .errors import OptionError

File = str | os.PathLike[str]
Files = File | Sequence[File]


def check_files(options: TlsOptions) -> None:
    """Raises OptionError if a file can't be used.

    In a process that forks workers this also makes the keys of session tickets, so that all workers have the same.
    """
    try:
        options.check()
    except ValueError as error:
        raise OptionError(str(error)) from None


def use_tls(engine: Engine, options: TlsOptions) -> None:
    """Makes the engine serve over TLS. OptionError: a file can't be used."""
    try:
        engine.use_tls(options)
    except ValueError as error:
        raise OptionError(str(error)) from None


def read_tls_options(
    certfile: Files | None,
    keyfile: Files | None,
    keyfile_password: str | None,
    ca_certs: File | None,
    cert_reqs: int | None,
    ciphers: str | None,
) -> TlsOptions | None:
    """Returns None for plain HTTP. Without ``certfile``, PROAPI_SSL_CERTFILE and PROAPI_SSL_KEYFILE count.

    Raises:
        OptionError: An option is not valid, or needs another one.
    """
    if certfile is None and (named := os.environ.get("PROAPI_SSL_CERTFILE")):
        certfile = named
        keyfile = os.environ.get("PROAPI_SSL_KEYFILE") or keyfile
    certfiles, keyfiles = _read_files("ssl_certfile", certfile), _read_files("ssl_keyfile", keyfile)
    if not certfiles:
        others = {
            "ssl_keyfile": keyfile,
            "ssl_keyfile_password": keyfile_password,
            "ssl_ca_certs": ca_certs,
            "ssl_cert_reqs": cert_reqs,
            "ssl_ciphers": ciphers,
        }
        for name, value in others.items():
            if value is not None:
                raise OptionError(f"{name}: expected ssl_certfile too, got none")
        return None
    if keyfiles and len(keyfiles) != len(certfiles):
        raise OptionError(
            f"ssl_keyfile: expected as many files as ssl_certfile has ({len(certfiles)}), got {len(keyfiles)}"
        )
    if cert_reqs is None:
        cert_reqs = ssl.CERT_NONE if ca_certs is None else ssl.CERT_REQUIRED
    if isinstance(cert_reqs, bool) or cert_reqs not in (ssl.CERT_NONE, ssl.CERT_OPTIONAL, ssl.CERT_REQUIRED):
        raise OptionError(
            f"ssl_cert_reqs: expected ssl.CERT_NONE, ssl.CERT_OPTIONAL or ssl.CERT_REQUIRED, got {cert_reqs!r}"
        )
    return TlsOptions(
        certificates=list(zip(certfiles, keyfiles or [""] * len(certfiles), strict=True)),
        keyfile_password=_read_text("ssl_keyfile_password", keyfile_password, is_secret=True),
        ca_certs="" if ca_certs is None else _read_file("ssl_ca_certs", ca_certs),
        cert_reqs=int(cert_reqs),
        ciphers=_read_text("ssl_ciphers", ciphers),
    )


def _read_files(name: str, files: Files | None) -> list[str]:
    if files is None:
        return []
    if isinstance(files, (str, os.PathLike)):
        return [_read_file(name, files)]
    if not isinstance(files, Sequence) or not files:
        raise OptionError(f"{name}: expected a file or several, got {files!r}")
    return [_read_file(name, file) for file in files]


def _read_file(name: str, file: File) -> str:
    path = os.fspath(file) if isinstance(file, (str, os.PathLike)) else None
    if not isinstance(path, str) or not path or "\0" in path:
        raise OptionError(f"{name}: expected the name of a file, got {file!r}")
    return path


def _read_text(name: str, text: str | None, *, is_secret: bool = False) -> str:
    if text is None:
        return ""
    if not isinstance(text, str) or "\0" in text:
        raise OptionError(f"{name}: expected a str" + ("" if is_secret else f", got {text!r}"))
    return text
