"""From a file's bytes to pixels, or to the reason why not; OpenCV is imported only to decode."""

from batchcls.decode.decode import decode
from batchcls.decode.header import Header
from batchcls.decode.policy import DecodePolicy
from batchcls.decode.sniff import sniff

__all__ = ["DecodePolicy", "Header", "decode", "sniff"]
