"""Shoppers in a closed loop: ``python -m benchmarks.load PORT SECONDS first|seen COOKIE...``

Prints the pages a second, and p50 and p99 in ms, as JSON. ``first``: no product is shown twice, so
each page is the first of its product that the process makes; ``seen``: 50 products take turns.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time

from benchmarks.browsers import CHROME

ASKED = (
    "GET /p/%d HTTP/1.1\r\nHost: store.example\r\nUser-Agent: %s\r\nAccept: text/html\r\n"
    "Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nCookie: %s\r\n\r\n"
)


PRODUCTS = 50


def shop(port: int, end: float, number: int, cookie: str, took: list[float]) -> None:
    link = socket.create_connection(("127.0.0.1", port))
    at = number * 1_000_000
    while time.perf_counter() < end:
        at += 1
        start = time.perf_counter()
        product = at if sys.argv[3] == "first" else at % PRODUCTS
        link.sendall((ASKED % (product, CHROME, cookie)).encode())
        received = link.recv(65536)
        head, _, body = received.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(head[:80])
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        left = length - len(body)
        while left > 0:
            left -= len(link.recv(65536))
        took.append(time.perf_counter() - start)


def main() -> None:
    port, seconds = int(sys.argv[1]), float(sys.argv[2])
    took: list[float] = []
    start = time.perf_counter()
    shoppers = [
        threading.Thread(target=shop, args=(port, start + seconds, number, cookie, took))
        for number, cookie in enumerate(sys.argv[4:], 1)
    ]
    for one in shoppers:
        one.start()
    for one in shoppers:
        one.join()
    took.sort()
    told = [len(took) / seconds, took[len(took) // 2] * 1e3, took[int(len(took) * 0.99)] * 1e3]
    print(json.dumps(told))


if __name__ == "__main__":
    main()
