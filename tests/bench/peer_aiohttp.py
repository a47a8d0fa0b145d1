# SPDX-License-Identifier: MIT
"""A competitor: fetches a list of URLs with aiohttp and packs the bodies with tarfile and zstandard.

    peer_aiohttp.py URLS OUTPUT JOBS CA-FILE|- [audit]

audit: also computes the SHA-256 of each body and of the archive.
"""
import asyncio
import hashlib
import io
import ssl
import sys
import tarfile

import aiohttp
import zstandard


class Hashed(io.FileIO):
    sha = hashlib.sha256()

    def write(self, data):
        self.sha.update(data)
        return super().write(data)


async def main(urls, out, jobs, ca_file, audit):
    tls = ssl.create_default_context(cafile=ca_file) if ca_file != "-" else None
    gate = asyncio.Semaphore(jobs)
    seen = {}
    with (Hashed(out, "w") if audit else open(out, "wb")) as raw, \
            zstandard.ZstdCompressor(level=3).stream_writer(raw) as zst, \
            tarfile.open(fileobj=zst, mode="w|") as tar:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=jobs, ssl=tls)) as session:
            async def one(i, url):
                async with gate, session.get(url) as response:
                    response.raise_for_status()
                    data = await response.read()
                    if audit:
                        seen[i] = hashlib.sha256(data).hexdigest()
                    info = tarfile.TarInfo("files/%d" % i)
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))
            await asyncio.gather(*(one(i, u) for i, u in enumerate(urls)))


if __name__ == "__main__":
    with open(sys.argv[1], encoding="ascii") as lines:
        asyncio.run(main([line.strip() for line in lines], sys.argv[2], int(sys.argv[3]), sys.argv[4],
                         len(sys.argv) > 5))
