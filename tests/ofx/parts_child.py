"""The plugin's parts, through a library with all functions visible: `parts_child.py LIBRARY`.

Runs under the sanitizers, so a step outside a buffer or a shift too far ends the process.
"""

import ctypes as c
import random
import struct
import sys
import zlib
from pathlib import Path

import numpy as np

library = c.CDLL(sys.argv[1])


class Buffer(c.Structure):
    _fields_ = (
        ("data", c.POINTER(c.c_uint8)),
        ("size", c.c_size_t),
        ("capacity", c.c_size_t),
        ("failed", c.c_bool),
    )

    def taken(self):
        content = bytes(self.data[: self.size])
        library.buffer_free(c.byref(self))
        return content


HEADER = c.CFUNCTYPE(
    None, c.c_void_p, c.POINTER(c.c_char), c.c_size_t, c.POINTER(c.c_char), c.c_size_t
)
library.huffman_decode.restype = c.c_bool
library.hpack_decode.restype = c.c_bool
library.json_text.restype = c.c_bool
library.json_integer.restype = c.c_bool
library.half_to_float.restype = c.c_float
library.half_to_float.argtypes = [c.c_uint16]
library.float_to_half.restype = c.c_uint16
library.float_to_half.argtypes = [c.c_float]
library.percent_decode.argtypes = [c.c_char_p, c.c_char_p, c.c_size_t]
library.next_field.restype = c.c_bool
library.frame_of_time.argtypes = [c.c_double, c.c_int64, c.POINTER(c.c_int64)]
library.frame_of_time.restype = c.c_bool


class Decoder:
    """The peer's dynamic table, kept over several blocks."""

    def __init__(self):
        self.state = c.create_string_buffer(1 << 14)
        library.hpack_init(self.state)

    def headers(self, block):
        found = []

        def take(context, name, name_size, value, value_size):
            found.append((name[:name_size], value[:value_size]))

        fine = library.hpack_decode(self.state, block, c.c_size_t(len(block)), HEADER(take), None)
        return found if fine else None

    def close(self):
        library.hpack_free(self.state)


def test_hpack_examples_of_the_rfc():
    """RFC 7541, appendix C.5 and C.6: three responses, a table of 256 bytes, plain and Huffman."""
    first = [
        (b":status", b"302"),
        (b"cache-control", b"private"),
        (b"date", b"Mon, 21 Oct 2013 20:13:21 GMT"),
        (b"location", b"https://www.example.com"),
    ]
    second = [(b":status", b"307"), *first[1:]]
    third = [
        (b":status", b"200"),
        (b"cache-control", b"private"),
        (b"date", b"Mon, 21 Oct 2013 20:13:22 GMT"),
        (b"location", b"https://www.example.com"),
        (b"content-encoding", b"gzip"),
        (b"set-cookie", b"foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
    ]
    plain = (
        "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d54"
        "6e1768747470733a2f2f7777772e6578616d706c652e636f6d",
        "4803333037c1c0bf",
        "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f"
        "3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076"
        "657273696f6e3d31",
    )
    huffman = (
        "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f"
        "0b97c8e9ae82ae43d3",
        "4883640effc1c0bf",
        "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335df"
        "dfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
    )
    for blocks in (plain, huffman):
        decoder = Decoder()
        # The examples' table holds 256 bytes: a size update says so.
        assert decoder.headers(bytes.fromhex("3fe101")) == []
        answers = [decoder.headers(bytes.fromhex(block)) for block in blocks]
        assert answers == [first, second, third], answers
        decoder.close()


def test_hpack_round_trip_and_secrets():
    block = Buffer()
    for name, value, secret in (
        (b":path", b"/a/b", 0),
        (b"te", b"trailers", 0),
        (b"authorization", b"x" * 300, 1),
    ):
        library.hpack_encode(c.byref(block), name, value, c.c_bool(secret))
    content = block.taken()
    decoder = Decoder()
    wanted = [(b":path", b"/a/b"), (b"te", b"trailers"), (b"authorization", b"x" * 300)]
    assert decoder.headers(content) == wanted
    # "Never indexed": no proxy may put the secret into its table.
    assert b"\x1f\x08" in content
    decoder.close()


def test_hpack_takes_any_nonsense():
    source = random.Random(11)
    decoder = Decoder()
    for _ in range(20000):
        decoder.headers(source.randbytes(source.randrange(40)))
    decoder.close()


def test_huffman_refuses_what_is_no_text():
    def decoded(content):
        text = Buffer()
        fine = library.huffman_decode(content, c.c_size_t(len(content)), c.byref(text))
        taken = text.taken()
        return taken if fine else None

    assert decoded(bytes.fromhex("f1e3c2e5f23a6ba0ab90f4ff")) == b"www.example.com"
    assert decoded(b"") == b""
    assert decoded(b"\xff\xff\xff\xff") is None  # The end-of-string symbol.
    assert decoded(bytes.fromhex("f1e3c2e5f23a6ba0ab90f400")) is None  # Padding of zeros.


def test_percent_decoding():
    cases = {
        b"plain": b"plain",
        b"a%20b%C3%A4": "a b\u00e4".encode(),
        b"100% of %zz and %4": b"100% of %zz and %4",
        b"%00": b"?",
        b"": b"",
    }
    for text, wanted in cases.items():
        target = c.create_string_buffer(64)
        library.percent_decode(text, target, 64)
        assert target.value == wanted, (text, target.value)
    small = c.create_string_buffer(4)
    library.percent_decode(b"%41%42%43%44%45", small, 4)
    assert small.value == b"ABC"


def test_halves_are_those_of_numpy():
    halves = np.arange(65536, dtype=np.uint16)
    wanted = halves.view(np.float16).astype(np.float32)
    got = np.array([library.half_to_float(int(h)) for h in halves], np.float32)
    assert np.array_equal(got, wanted, equal_nan=True)
    generator = np.random.default_rng(1)
    bits = generator.integers(0, 2**32, 40000, np.uint64).astype(np.uint32)
    edges = (halves.astype(np.uint32) << 13) + np.uint32(0x38000000)
    ties = np.concatenate([edges[::7] + np.uint32(0x1000), edges[::5] + np.uint32(0xFFF)])
    values = np.concatenate([bits, ties]).view(np.float32)
    values = values[~np.isnan(values)]
    with np.errstate(over="ignore"):
        wanted = values.astype(np.float16).view(np.uint16)
    got = np.array([library.float_to_half(float(v)) for v in values], np.uint16)
    assert np.array_equal(got, wanted)


def decoded_png(png):
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    at, chunks = 8, {}
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        kind, content = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        (crc,) = struct.unpack(">I", png[at + 8 + size : at + 12 + size])
        assert crc == zlib.crc32(kind + content)
        chunks[kind] = content
        at += 12 + size
    width, height, bits, colour = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert (bits, colour, list(chunks)[-1]) == (1, 0, b"IEND")
    stride = (width + 7) // 8 + 1
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, stride)
    assert (rows[:, 0] == 2).all()
    packed = np.cumsum(rows[:, 1:].astype(np.int64), axis=0).astype(np.uint8)
    return np.unpackbits(packed, axis=1)[:, :width].astype(bool)


def test_png_of_masks():
    generator = np.random.default_rng(2)
    for height, width in ((1, 1), (3, 7), (48, 64), (31, 257)):
        for kind in ("noise", "block", "empty", "full"):
            mask = np.zeros((height, width), np.uint8)
            if kind == "noise":
                mask = generator.integers(0, 256, (height, width)).astype(np.uint8)
            if kind == "block":
                mask[height // 3 :, : width // 2 + 1] = 200
            if kind == "full":
                mask[:] = 255
            png = Buffer()
            library.png_of_mask(c.byref(png), mask.ctypes.data_as(c.c_void_p), width, height)
            assert np.array_equal(decoded_png(png.taken()), mask >= 128), (kind, height, width)


def test_png_of_a_large_mask_is_small():
    mask = np.zeros((1080, 1920), np.uint8)
    rows, columns = np.mgrid[:1080, :1920]
    mask[(rows - 500) ** 2 + (columns - 900) ** 2 < 300**2] = 255
    png = Buffer()
    library.png_of_mask(c.byref(png), mask.ctypes.data_as(c.c_void_p), 1920, 1080)
    assert len(png.taken()) < 16000


def text_of(json, key, capacity=64):
    target = c.create_string_buffer(capacity)
    fine = library.json_text(json, key, target, c.c_size_t(capacity))
    return target.value if fine else None


def test_json():
    json = (
        b' {"a": {"token": "inner"}, "l": [1, {"x": "]"}], '
        b'"token" : "t\\"\\u00e4\\ud83d\\ude00\\n", "n":-42, "f": 1.5}'
    )
    assert text_of(json, b"token") == 't"\u00e4\U0001f600\n'.encode()
    assert text_of(json, b"x") is None
    assert text_of(json, b"n") is None
    number = c.c_int64()
    assert library.json_integer(json, b"n", c.byref(number))
    assert number.value == -42
    assert not library.json_integer(json, b"f", c.byref(number))
    assert text_of(b'{"token": "' + b"x" * 100 + b'"}', b"token") is None
    for broken in (
        b"",
        b"{",
        b'{"token',
        b'{"token"',
        b'{"token":',
        b'{"token": "a',
        b'{"token": "\\u12"}',
    ):
        assert text_of(broken, b"token") is None
    assert text_of(b"[" * 5000, b"token") is None
    source = random.Random(5)
    for _ in range(5000):
        text_of(bytes(source.choice(b'{}[]":,\\u0a1e ') for _ in range(source.randrange(60))), b"a")


class Reader(c.Structure):
    _fields_ = (("at", c.c_void_p), ("end", c.c_void_p), ("malformed", c.c_bool))


class Field(c.Structure):
    _fields_ = (
        ("number", c.c_uint),
        ("value", c.c_int64),
        ("bytes", c.c_void_p),
        ("size", c.c_size_t),
    )


def fields_of(content):
    """Number and value of each field; None where the message breaks the rules."""
    memory = c.create_string_buffer(content, len(content))
    start = c.addressof(memory)
    reader, field, found = Reader(start, start + len(content), False), Field(), []
    while library.next_field(c.byref(reader), c.byref(field)):
        text = c.string_at(field.bytes, field.size) if field.bytes else None
        found.append((field.number, field.value if text is None else text))
    return None if reader.malformed else found


def test_protobuf_reads_what_others_write_and_survives_the_rest():
    assert fields_of(b"\x08\x96\x01\x12\x07testing") == [(1, 150), (2, b"testing")]
    assert fields_of(b"\x08" + b"\xff" * 9 + b"\x01") == [(1, -1)]
    assert fields_of(b"\x15\0\0\x80\x3f\x19\0\0\0\0\0\0\xf0\x3f\x20\x05") == [
        (2, 0),
        (3, 0),
        (4, 5),
    ]
    for broken in (
        b"\x08",
        b"\x12\x05abc",
        b"\x00\x01",
        b"\x0b",
        b"\x15\0\0",
        b"\x08" + b"\xff" * 11,
    ):
        assert fields_of(broken) is None, broken
    source = random.Random(7)
    for _ in range(20000):
        fields_of(source.randbytes(source.randrange(30)))


def test_times():
    def frame(time, first):
        index = c.c_int64()
        return index.value if library.frame_of_time(time, first, c.byref(index)) else None

    assert frame(1001.0, 1001) == 0
    assert frame(1004.9999, 1001) == 4
    assert frame(1004.5, 1001) is None
    assert frame(1000.0, 1001) is None
    assert frame(-3.0, -5) == 2
    assert frame(float("nan"), 0) is None
    assert frame(1e300, 0) is None


if __name__ == "__main__":
    assert Path(sys.argv[1]).is_file()
    tests = {name: test for name, test in globals().items() if name.startswith("test_")}
    for name, test in tests.items():
        sys.stderr.write(f"{name}\n")
        test()
    sys.stdout.write(f"{len(tests)} passed\n")
