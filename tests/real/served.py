# SPDX-License-Identifier: MIT
"""The real server's application, with a log of what is asked: uvicorn --factory served:make.

The server itself logs only what failed. Here each request is one line, method and path with
query, in the file that REAL_REQUESTS names.
"""
import os

from skyvern.forge.api_app import create_api_app


def make():
    served = create_api_app()
    log = open(os.environ["REAL_REQUESTS"], "a", buffering=1)  # as long as the process

    async def logged(scope, receive, send):
        if scope["type"] == "http":
            query = scope["query_string"].decode(errors="replace").split("sig=")[0]
            log.write("%s %s?%s\n" % (scope["method"], scope["path"], query))
        await served(scope, receive, send)

    return logged
