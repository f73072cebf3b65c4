"""The channel and its messages: sections 9 and 10."""

from .asked import read_ask, split_answer
from .cbor import loads, need, tree
from .crypto import content_digest, exporter, open_record, power_of_two
from .owner import answer_bound


def info(given):
    return b"strongroom/channel-v1\0" + b"".join(
        bytes.fromhex(given[part]) for part in ("evidence_digest", "nonce", "offer")
    )


def export(given, encapsulated):
    return exporter(bytes.fromhex(given["channel_secret_key"]), encapsulated, info(given))


def channel(given, data):
    keys = export(given, data)
    return {
        "info": info(given).hex(), "request_key": keys("strongroom/request-key-v1").hex(),
        "answer_key": keys("strongroom/answer-key-v1").hex(),
    }


def record(given, data):
    power_of_two(len(data), 1024 if given["size"] == "request" else 1)
    key, associated = bytes.fromhex(given["key"]), bytes.fromhex(given["associated_data"])
    return {"body": open_record(key, given["number"], associated, data).hex()}


def next_power(size):
    return 1 << (size - 1).bit_length()


def answer_size(given, data):
    bound = answer_bound(loads(data))
    outputs = min(bound["bytes_per_request_kib"] * -(-given["request_record"] // 1024), bound["max_bytes"])
    size = min(max(next_power(outputs + bound["names_bytes"] + 1536 + 20), 2048), 1 << 27)
    return {"bound": tree(bound), "answer_record": size}


def opening(given, data):
    need(len(data) <= 1 << 20 and data[:1] == b"\1" and len(data) >= 1169, "not an opening")
    header, sealed = data[:1169], data[1169:]
    need((header[1:17].hex(), header[17:49].hex()) == (given["offer"], given["nonce"]), "no such offer")
    power_of_two(len(sealed), 1024)
    key = export(given, header[49:])("strongroom/request-key-v1")
    body = open_record(key, 0, header, sealed)
    need(len(body) >= 32, "no API key")
    request_bytes = body[32:]
    return {
        "encapsulated_bytes": len(header) - 49, "api_key": body[:32].hex(),
        "request": read_ask(request_bytes) if request_bytes else None,
        "request_digest": content_digest("request", request_bytes).hex(), "least_record": max(next_power(len(body) + 20), 1024),
    }


def request(given, data):
    need(data[:1] == b"\2" and len(data) >= 25, "not a request")
    header, sealed = data[:25], data[25:]
    number = int.from_bytes(header[17:], "big")
    need(number > 0, "number 0 is the opening's")
    power_of_two(len(sealed), 1024)
    body = open_record(bytes.fromhex(given["request_key"]), number, header, sealed)
    return {
        "session": header[1:17].hex(), "number": number, "request": read_ask(body),
        "request_digest": content_digest("request", body).hex(),
    }


def answer(given, data):
    power_of_two(len(data))
    key, session = bytes.fromhex(given["answer_key"]), bytes.fromhex(given["session"])
    body = open_record(key, given["number"], session, data)
    return split_answer(body, bytes.fromhex(given["claims"]), bytes.fromhex(given["request"]))
