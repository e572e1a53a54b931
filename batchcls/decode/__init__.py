"""From a file's bytes to pixels, or to the reason why not; OpenCV is imported only to decode.

Nothing is imported here: the coordinator asks for `policy` alone, and must stay without NumPy.
"""
