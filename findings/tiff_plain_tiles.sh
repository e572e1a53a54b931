#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93 (libtiff 4.7.1) refuses an uncompressed tiled TIFF if the bytes of a
# tile are no multiple of 1,024, and reads the same picture with larger tiles, or compressed.
# TIFF 6.0 asks that a tile's width and height be multiples of 16, and nothing of its bytes; the file
# is valid: Pillow and tifffile read it. Seen:
#   tile 16x16, 768 bytes, uncompressed: None
#   tile 16x16, 768 bytes, LZW: read
#   tile 32x32, 3072 bytes, uncompressed: read
#   tile 48x48, 6912 bytes, uncompressed: None
# Whoever labels scans or maps with OpenCV loses such files without an exception: imdecode gives None.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet opencv-python-headless==5.0.0.93 numpy==2.4.6 pillow==13.0.0 \
    tifffile==2026.3.3 imagecodecs==2026.3.6

cat > "$work/tiles.py" <<'PYTHON'
import io

import cv2
import numpy as np
import tifffile
from PIL import Image

picture = np.arange(48 * 64 * 3, dtype=np.uint32).reshape(48, 64, 3).astype(np.uint8)
for side, compression in ((16, None), (16, "lzw"), (32, None), (48, None)):
    file = io.BytesIO()
    tifffile.imwrite(file, picture, photometric="rgb", tile=(side, side), compression=compression)
    assert (np.asarray(Image.open(io.BytesIO(file.getvalue()))) == picture).all()
    read = cv2.imdecode(np.frombuffer(file.getvalue(), np.uint8), cv2.IMREAD_COLOR)
    what = "None" if read is None else "read"
    name = compression.upper() if compression else "uncompressed"
    print(f"tile {side}x{side}, {side * side * 3} bytes, {name}: {what}")
PYTHON
OPENCV_LOG_LEVEL=SILENT "$work/venv/bin/python" "$work/tiles.py" | tee "$work/seen"
diff "$work/seen" - <<'SEEN'
tile 16x16, 768 bytes, uncompressed: None
tile 16x16, 768 bytes, LZW: read
tile 32x32, 3072 bytes, uncompressed: read
tile 48x48, 6912 bytes, uncompressed: None
SEEN
