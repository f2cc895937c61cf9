from __future__ import annotations

import hashlib
import json
import math

import pytest

from meticulous.folder.encoding import (
    encode_document,
    encode_line,
)
from meticulous.folder.plain import plain

nan = math.nan


def marked(text: str, kind: str) -> dict[str, str]:
    return {"__repr__": text, "__type__": kind}


class TestNumpy:
    np = pytest.importorskip("numpy")

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("np.bool_(True)", True),
            ("np.int8(-3)", -3),
            ("np.uint64(2**64 - 1)", 2**64 - 1),
            ("np.float16(0.1)", 0.0999755859375),
            ("np.float32(0.1)", 0.10000000149011612),
            ("np.float64(0.1)", 0.1),
            ("np.float64('nan')", "NaN"),
            ("np.float32('-inf')", "-Infinity"),
            ("np.longdouble(0.5)", 0.5),
            ("np.longdouble('nan')", "NaN"),
            ("np.longdouble('inf')", "Infinity"),
            ("np.complex64(1 + 2j)", "(1+2j)"),
            ("np.clongdouble(1 + 2j)", "(1+2j)"),
            ("np.str_('é')", "é"),
            ("np.bytes_(b'a')", {"__bytes__": "YQ=="}),
            ("np.void(b'a')", {"__bytes__": "YQ=="}),
            ("np.zeros(1, [('a', 'i4'), ('b', 'f8')])[0]", [0, 0.0]),
            ("np.datetime64('2024-01-02')", "2024-01-02"),
            ("np.datetime64('2024-01-02T03:04:05.000000006')", "2024-01-02T03:04:05.000000006"),
            ("np.datetime64('NaT')", "NaT"),
            ("np.timedelta64(1500, 'ms')", 1.5),
            ("np.timedelta64(3, 'M')", "3 months"),
            ("np.timedelta64('NaT')", "NaT"),
            ("np.timedelta64(3)", "3 generic time units"),
            ("np.dtype('float32')", "float32"),
            ("np.float32", "numpy.float32"),
            ("np.array(3)", 3),
            ("np.array([[1, 2], [3, 4]])", [[1, 2], [3, 4]]),
            ("np.array([1.5, np.nan])", [1.5, "NaN"]),
            ("np.array([True])", [True]),
            ("np.array(['a', 'b'])", ["a", "b"]),
            ("np.array([1 + 1j])", ["(1+1j)"]),
            ("np.array([0.5], dtype=np.longdouble)", [0.5]),
            (
                "np.array(['2024-01-02T00:00:00.000000001'], 'M8[ns]')",
                ["2024-01-02T00:00:00.000000001"],
            ),
            ("np.array([None, {1}], dtype=object)", [None, [1]]),
            ("np.zeros((2, 0))", [[], []]),
            ("np.matrix([[1, 2], [3, 4]])", [[1, 2], [3, 4]]),
            ("np.ma.array([1, 2], mask=[False, True])", [1, None]),
            ("np.ma.masked", None),
            (
                "np.random.default_rng(1)",
                marked("Generator(PCG64)", "numpy.random._generator.Generator"),
            ),
            ("{np.int64(1): 2, np.float64(1.5): 3}", {"1": 2, "1.5": 3}),
            (
                "np.lib.stride_tricks.as_strided(np.zeros(1), (3, 2, 2), (0, 0, 0))",
                [[[0.0] * 2] * 2] * 3,
            ),
        ],
    )
    @pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
    def test_scalars_and_small_arrays_are_written_out(self, text, expected):
        value = eval(text, {"np": self.np})
        result = plain(value)
        assert result == expected
        assert type(result) is type(expected)
        assert json.loads(encode_document(value)) == expected

    def test_a_long_double_that_no_float_equals_keeps_its_digits(self):
        value = self.np.longdouble(1) / 3
        if float(value) == value:
            pytest.skip("long double is double here")
        assert self.np.longdouble(plain(value)) == value

    def test_a_large_array_is_described_and_its_hash_tells_contents_apart(self):
        array = self.np.arange(1002, dtype="float32").reshape(2, 501)
        assert plain(array) == {
            "__array__": {
                "shape": [2, 501],
                "dtype": "float32",
                "sha256": hashlib.sha256(array.tobytes()).hexdigest(),
            }
        }
        other = array.copy()
        other[1, 1] += 1
        assert plain(other) != plain(array)
        assert plain(self.np.asfortranarray(array)) == plain(array)

    def test_hashes_are_left_out_where_they_would_mean_nothing_or_cost_much(self):
        objects = plain(self.np.array([object()] * 1001))
        assert objects == {"__array__": {"shape": [1001], "dtype": "object"}}
        huge = plain(self.np.broadcast_to(self.np.float64(0), (10**6, 10**6)))
        assert huge == {"__array__": {"shape": [10**6, 10**6], "dtype": "float64"}}
        hollow = plain(self.np.zeros((10**9, 0)))
        assert hollow["__array__"]["shape"] == [10**9, 0]

    def test_an_array_that_contains_itself_is_marked(self):
        array = self.np.empty(1, dtype=object)
        array[0] = array
        assert plain(array) == [{"__omitted__": "contains itself"}]

    def test_an_array_of_another_library_is_read_through_numpy(self):
        np = self.np

        class Foreign:
            dtype, shape = "float32", (2,)

            def __array__(self, dtype=None, copy=None):
                return np.array([1.5, 2.5], dtype="float32")

        assert plain(Foreign()) == [1.5, 2.5]


def test_pandas_timestamps_are_dates():
    pandas = pytest.importorskip("pandas")
    stamp = pandas.Timestamp("2024-01-02T03:04:05.000000006")
    assert plain(stamp) == "2024-01-02T03:04:05.000000006"
    assert plain(pandas.NaT) == "NaT"
    assert plain(pandas.Timedelta("1s")) == 1.0
    assert plain(pandas.DataFrame({"a": [1]}))["__type__"].startswith("pandas.")


class TestTorch:
    @pytest.fixture(autouse=True)
    def _torch(self):
        self.torch = pytest.importorskip("torch")

    def test_scalars_and_small_tensors_are_written_out(self):
        torch = self.torch
        assert plain(torch.tensor(0.5)) == 0.5
        assert plain(torch.tensor(3)) == 3
        assert plain(torch.tensor(nan)) == "NaN"
        assert plain(torch.tensor([1.5, 2.5], dtype=torch.bfloat16)) == [1.5, 2.5]
        assert plain(torch.tensor([1.5], dtype=torch.float8_e5m2)) == [1.5]
        assert plain(torch.tensor([1 + 2j])) == ["(1+2j)"]
        assert plain(torch.nn.Parameter(torch.ones(1, 2))) == [[1.0, 1.0]]
        assert plain((torch.ones(2, requires_grad=True) * 2).sum()) == 4.0
        assert plain(torch.zeros(2, 0)) == [[], []]

    def test_large_tensors_are_described(self):
        torch = self.torch
        for dtype in (torch.float32, torch.bfloat16, torch.bool, torch.complex64):
            facts = plain(torch.zeros(2, 501, dtype=dtype))["__array__"]
            assert facts["shape"] == [2, 501]
            assert facts["dtype"] == str(dtype)
            assert len(facts["sha256"]) == 64
        array = self.torch.arange(2000.0)
        assert plain(array)["__array__"]["sha256"] == plain(array.numpy())["__array__"]["sha256"]
        turned = array.reshape(40, 50).T
        assert plain(turned)["__array__"]["sha256"] != plain(array)["__array__"]["sha256"]

    @pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
    def test_unusual_tensors_do_not_raise(self):
        torch = self.torch
        meta = torch.empty(3, device="meta")
        assert plain(meta) == {"__array__": {"shape": [3], "dtype": "torch.float32"}}
        assert "__repr__" in plain(torch.eye(3).to_sparse())
        quantized = torch.quantize_per_tensor(torch.ones(2000), 0.1, 0, torch.quint8)
        assert plain(quantized)["__array__"]["shape"] == [2000]
        big = plain(torch.zeros(1, dtype=torch.int8).expand(2**27))
        assert big == {"__array__": {"shape": [2**27], "dtype": "torch.int8"}}

    def test_devices_types_and_sizes_are_text(self):
        torch = self.torch
        assert plain(torch.device("cpu")) == "cpu"
        assert plain(torch.float32) == "torch.float32"
        assert plain(torch.Size([3, 4])) == "torch.Size([3, 4])"
        assert plain(torch.nn.Linear(1, 1))["__repr__"].startswith("Linear(")

    def test_a_tensor_in_a_line_is_a_number(self):
        assert json.loads(encode_line({"loss": self.torch.tensor(0.5)})) == {"loss": 0.5}
