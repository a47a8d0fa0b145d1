# SPDX-License-Identifier: MIT
"""See the package's own words."""
import json
import ssl
import sys

from . import server


def main():
    tls = None
    if len(sys.argv) == 3 and sys.argv[1] == "--tls":
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(sys.argv[2])
    origins, _ = server.start(tls)
    print(json.dumps({"api": origins[0], "store": origins[1], "key": server.KEY}), flush=True)
    try:
        sys.stdin.read()  # until whoever started us ends
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
