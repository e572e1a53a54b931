"""From a file's bytes to pixels, or to the reason why not; OpenCV is imported only to decode.

The structure of each format is read by hand, before a decoder is let near the file. Weighed:
imagesize and puremagic read the first bytes, tifffile one format, and Pillow finds out by decoding.
None proves beforehand that a file is whole, or bounds what finding out may cost.

Nothing is imported here: the coordinator asks for `policy` alone, and must stay without NumPy.
"""
