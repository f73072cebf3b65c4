"""Whoever means no good: hostile web pages in a browser on the same machine, and rude programs."""

from __future__ import annotations

import functools
import http.server
import json
import socket
import threading
import unittest

import grpc

from . import fixture, fraud
from .browser import Browser
from .curl import check_refusal, curl, post
from .test_limits import request
from .test_load import ALL_SECONDS, INFER, peak_mib
from .test_page import WIDTHS, status

# What a page tries in every way that it has: it gets back which of them told it anything.
ATTACK = """
const [base, body] = arguments;
const tried = [];
const post = options => fetch(base + '/v2/models/fraud/infer', {method: 'POST', body, ...options});
tried.push(post({mode: 'no-cors', headers: {'Content-Type': 'text/plain'}}).then(() => false, () => false));
tried.push(post({headers: {'Content-Type': 'text/plain'}}).then(() => 'read an answer', () => false));
tried.push(post({headers: {'Content-Type': 'application/json'}}).then(() => 'read an answer', () => false));
tried.push(fetch(base + '/v2/models/fraud').then(() => 'read a model', () => false));
navigator.sendBeacon(base + '/v2/models/fraud/infer', body);
const frame = document.body.appendChild(Object.assign(document.createElement('iframe'), {name: 'frame'}));
const form = document.body.appendChild(document.createElement('form'));
Object.assign(form, {action: base + '/v2/models/fraud/infer', method: 'post', enctype: 'text/plain', target: 'frame'});
const [name, value] = [body.slice(0, 12), body.slice(12)];
form.appendChild(Object.assign(document.createElement('textarea'), {name, value}));
form.submit();
tried.push(new Promise(done => {
    const sheet = Object.assign(document.createElement('link'), {rel: 'stylesheet', href: base + '/status.css'});
    sheet.onload = () => done('loaded a style sheet');
    sheet.onerror = () => done(false);
    document.head.appendChild(sheet);
}));
const pause = new Promise(done => setTimeout(() => done(false), 1500));
return Promise.all([...tried, pause]).then(all => all.filter(Boolean));
"""

# Most memory that a message may take whose bytes are ten million, in MiB, whatever they say; and the largest one for
# embeddings, which counts as 128.
AMPLIFIED_MIB, EMBEDDINGS_MIB = 100, 4 * 128


class EmptyPage(http.server.BaseHTTPRequestHandler):
    """A page of another origin."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>page</title><body>")

    def log_message(self, *_: object) -> None:
        pass


def answered(url: str) -> int:
    return {one["name"]: one["answered"] for one in status(url)["traffic"]}.get("fraud", 0)


def said(address: str, *parts: bytes) -> bytes:
    """What comes back to these bytes until the connection ends."""
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), ALL_SECONDS) as connection:
        for part in parts:
            connection.sendall(part)
        return b"".join(iter(functools.partial(connection.recv, 65536), b""))


class Rude(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.proxy = fixture.open_world().proxy()
        cls.addClassCleanup(cls.proxy.stop)
        cls.body = json.dumps(request(fraud.rows()[:1])).encode()

    def head(self, *fields: str) -> bytes:
        lines = ["POST /v2/models/fraud/infer HTTP/1.1", f"Host: {self.proxy.address}", *fields, "", ""]
        return "\r\n".join(lines).encode()

    def test_a_page_gets_nothing_and_sends_nothing(self) -> None:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), EmptyPage)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        before = answered(self.proxy.url)
        with Browser() as browser:
            # The first is of the same site, for a site has no port; the second is of another.
            for name in ("127.0.0.1", "localhost"):
                browser.open(f"http://{name}:{server.server_port}/", WIDTHS[1])
                self.assertEqual(browser.run(ATTACK, self.proxy.url, self.body.decode()), [], name)
            self.assertEqual(answered(self.proxy.url), before)
            browser.run("location.href = arguments[0]", self.proxy.url)
            self.assertIn("Verified", browser.run("return document.body.innerText"), "a link may be followed")

    def test_headers_of_pages_are_refused(self) -> None:
        url = f"{self.proxy.url}/v2/models/fraud/infer"
        for field in ("Origin: https://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site",
                      "Sec-Fetch-Site: same-site", "Host: evil.example", f"Host: evil.example:{self.proxy.address[-5:]}"):
            check_refusal(self, post(url, self.body, "--header", field), 403)
        check_refusal(self, curl(url, "--request", "OPTIONS", "--header", "Origin: https://evil.example", "--header",
                                 "Access-Control-Request-Private-Network: true"), 403)

    def test_two_hosts_do_not_pass_for_one(self) -> None:
        own, other = f"Host: {self.proxy.address}", "Host: evil.example"
        for fields in ((own, other), (other, own)):
            lines = ["GET /v2 HTTP/1.1", *fields, "Connection: close", "", ""]
            self.assertIn(b" 403 ", said(self.proxy.address, "\r\n".join(lines).encode()).splitlines()[0])
        absolute = f"GET http://evil.example/v2 HTTP/1.1\r\n{own}\r\nConnection: close\r\n\r\n".encode()
        self.assertIn(b" 403 ", said(self.proxy.address, absolute).splitlines()[0])

    def test_lengths_that_contradict_smuggle_nothing(self) -> None:
        chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(self.body), self.body)
        hidden = self.head("Connection: close", f"Content-Length: {len(self.body)}") + self.body
        before = answered(self.proxy.url)
        for fields in (("Content-Length: 4", "Transfer-Encoding: chunked"),
                       ("Transfer-Encoding: chunked", f"Content-Length: {len(chunked) + len(hidden)}")):
            reply = said(self.proxy.address, self.head("Connection: close", *fields) + chunked + hidden)
            self.assertEqual(reply.count(b"HTTP/1.1 "), 1, reply)
        self.assertLessEqual(answered(self.proxy.url), before + 2, "what is behind a request was answered, too")
        for fields in (("Content-Length: 4", "Content-Length: 5"), ("Content-Length: +4",),
                       ("Transfer-Encoding: identity, x",)):
            reply = said(self.proxy.address, self.head("Connection: close", *fields) + b"abcde")
            self.assertIn(b" 400 ", reply.splitlines()[0], fields)

    def test_requests_in_one_go_are_answered_in_order(self) -> None:
        length = f"Content-Length: {len(self.body)}"
        several = [self.head(length) + self.body] * 8 + [self.head(length, "Connection: close") + self.body]
        reply = said(self.proxy.address, b"".join(several))
        self.assertEqual(reply.count(b"HTTP/1.1 200 OK"), 9)

    def test_heads_are_bounded(self) -> None:
        reply = said(self.proxy.address, self.head("X: " + "x" * 200_000))
        self.assertIn(b" 431 ", reply.splitlines()[0])
        reply = said(self.proxy.address, self.head(*(f"X-{at}: x" for at in range(1000))))
        self.assertIn(b" 431 ", reply.splitlines()[0])

    def test_json_is_bounded_and_says_one_thing(self) -> None:
        url = f"{self.proxy.url}/v2/models/fraud/infer"
        tensor = b'{"name":"X","datatype":"FP32","shape":%s,"data":%s}'
        deep = b"[" * 100_000
        for body in (deep, b'{"inputs":' * 50_000, b'{"inputs":[],"inputs":[]}', b'{"id":"a","id":"b","inputs":[]}',
                     b'{"inputs":[{"name":"\xff","datatype":"FP32","shape":[1],"data":[1]}]}',
                     *(b'{"inputs":[' + tensor % (shape, data) + b"]}" for shape, data in (
                         (b"[4294967296,4294967296,4294967296]", b"[1]"), (b"[9223372036854775807,2]", b"[]"),
                         (b"[0,18446744073709551615]", b"[]"), (b"[-1]", b"[1]"), (b"[1e3]", b"[1]"),
                         (b"[1]", deep), (b"[" + b"1," * 100_000 + b"1]", b"[1]")))):
            check_refusal(self, post(url, body), 400)
        for body in (b"[" * 100_000, b'{"model":"embed","input":' + b"[" * 100_000):
            check_refusal(self, post(f"{self.proxy.url}/v1/embeddings", body), 400)

    def test_messages_become_no_larger_than_they_are(self) -> None:
        idle = peak_mib(self.proxy.pid)
        with grpc.insecure_channel(self.proxy.address) as channel:
            ask = channel.unary_unary(INFER)
            # Empty parameters, inputs, outputs and contents: two bytes each, and hundreds in memory.
            for unit in (b"\x22\x00", b"\x2a\x00", b"\x32\x00", b"\x3a\x00"):
                with self.assertRaises(grpc.RpcError) as caught:
                    ask(unit * 5_000_000, timeout=ALL_SECONDS)
                self.assertEqual(caught.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
        self.assertLess(peak_mib(self.proxy.pid) - idle, AMPLIFIED_MIB)

    def test_json_becomes_no_larger_than_it_counts(self) -> None:
        idle = peak_mib(self.proxy.pid)
        for unit, count in ((b'{"":[0]}', 900_000), (b"[0]", 2_000_000), (b"0", 4_000_000), (b'""', 2_500_000)):
            body = b'{"model":"embed","input":[' + b",".join([unit] * count) + b"]}"
            check_refusal(self, post(f"{self.proxy.url}/v1/embeddings", body), 400)
        self.assertLess(peak_mib(self.proxy.pid) - idle, EMBEDDINGS_MIB)
