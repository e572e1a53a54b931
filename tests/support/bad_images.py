"""Files that are no image, by what becomes of them; `images` in tests/running makes them."""

BAD = {
    "bad/empty.png": "empty",
    "bad/text.jpg": "not_image",
    "bad/truncated.png": "truncated",
    "bad/pipe.jpg": "not_regular",
    "bad/dangling.png": "vanished",
}
