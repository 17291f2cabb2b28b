"""What a file is by its first bytes: a manifest that is read, or something else that is called by its name."""

from __future__ import annotations

import codecs
import re
from typing import Literal

from longtake.manifests.sizes import stop

Kind = Literal["csv", "json_lines", "parquet", "workbook"]

HEAD_BYTES = 4096
GZIP = b"\x1f\x8b"
JSON_LINES_ENDINGS = (".jsonl", ".ndjson", ".json", ".jsonl.gz", ".ndjson.gz", ".json.gz")
_AS_CSV = "save it as CSV (UTF-8)"
_AS_PARQUET = "write it as Parquet or CSV"
_UNPACK = "unpack it, or pack it by gzip"
_OTHERS = {
    codecs.BOM_UTF32_LE: f"this is UTF-32; {_AS_CSV}",
    codecs.BOM_UTF32_BE: f"this is UTF-32; {_AS_CSV}",
    codecs.BOM_UTF16_LE: f"this is UTF-16; {_AS_CSV}",
    codecs.BOM_UTF16_BE: f"this is UTF-16; {_AS_CSV}",
    b"\xd0\xcf\x11\xe0": f"this is an old Excel workbook (.xls) or one with a password; {_AS_CSV}, or as .xlsx without",
    b"\xfd7zX": f"this is packed by xz; {_UNPACK}",
    b"BZh": f"this is packed by bzip2; {_UNPACK}",
    b"\x28\xb5\x2f\xfd": f"this is packed by zstd; {_UNPACK}",
    b"\x04\x22\x4d\x18": f"this is packed by lz4; {_UNPACK}",
    b"7z\xbc\xaf": f"this is packed by 7-Zip; {_UNPACK}",
    b"Rar!": f"this is packed by RAR; {_UNPACK}",
    GZIP: "this is packed by gzip twice; unpack it once",
    b"ARROW1": f"this is an Arrow (Feather) file; {_AS_PARQUET}, such as with to_parquet",
    b"FEA1": f"this is a Feather file; {_AS_PARQUET}, such as with to_parquet",
    b"\xff\xff\xff\xff": f"this is an Arrow stream; {_AS_PARQUET}",
    b"ORC": f"this is ORC; {_AS_PARQUET}",
    b"Obj\x01": f"this is Avro; {_AS_PARQUET}",
    b"SQLite format 3": f"this is an SQLite database; {_AS_PARQUET}",
    b"\x89HDF": f"this is HDF5; {_AS_PARQUET}",
    b"\x93NUMPY": f"this is a NumPy array; {_AS_PARQUET}",
    b"%PDF": f"this is a PDF; {_AS_CSV} where the table comes from",
    b"{\\rtf": f"this is RTF; {_AS_CSV}",
    b"version https://git-lfs": "this is a Git LFS pointer and not the file; fetch it with: git lfs pull",
}
# Which of the first four bytes are zero, where text begins with two plain letters.
_WIDE: dict[tuple[bool, ...], str] = {
    (False, True, False, True): "UTF-16",
    (True, False, True, False): "UTF-16",
    (False, True, True, True): "UTF-32",
    (True, True, True, False): "UTF-32",
}
_PICKLE = re.compile(rb"\x80[\x02-\x05][\x95c}\]]")
_HTML = re.compile(rb"<(!doctype html|html|head|body|table|div|script|meta)\b", re.IGNORECASE)
_XML = re.compile(rb"<(\?xml|!--|!doctype|[a-z][\w:.-]*[\s/>])", re.IGNORECASE)
_JSON_ARRAY = re.compile(rb"\[\s*[\[{\"\d\]]")
_LINES = "write JSON Lines, one object a line (jq -c '.[]', or to_json(orient='records', lines=True))"


def kind_of(source: str, head: bytes) -> Kind:
    """The kind of a file that is taken; of one that is packed by gzip, of what is in it.

    Args:
        source: What messages call it; its ending tells JSON Lines from CSV where the bytes do not.
        head: Its first bytes, unpacked, `HEAD_BYTES` of them where it has so many.

    Raises:
        UnreadableManifestError: It is something else; says what, and what to do.
    """
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"PK\x03\x04"):
        return "workbook"
    for mark, words in _OTHERS.items():
        if head.startswith(mark):
            stop(source, words)
    if _PICKLE.match(head):
        stop(source, f"this is a Python pickle, which is never opened; {_AS_PARQUET}")
    if (zeros := tuple(byte == 0 for byte in head[:4])) in _WIDE:
        stop(source, f"this is {_WIDE[zeros]} without a mark at its begin; {_AS_CSV}")
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if _HTML.match(text):
        stop(source, f"this is an HTML page; {_AS_CSV} where the table comes from, or sign in before fetching it")
    if _XML.match(text):
        stop(source, f"this is XML; {_AS_CSV}")
    if _JSON_ARRAY.match(text):
        stop(source, f"this is a JSON array; {_LINES}")
    is_json = text.startswith(b"{") or (text and source.lower().endswith(JSON_LINES_ENDINGS))
    return "json_lines" if is_json else "csv"
