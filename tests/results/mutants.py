"""One-line mutants of the results side, for `tests.support.mutants`."""

# ruff: noqa: E501 - texts of other files, as they stand there

MUTANTS = (
    # -- journal: appending
    ("journal", "if first != self.count or first", "if first < self.count or first"),
    ("journal", "or first + len(lines) > self._expected", ""),
    ("journal", ' or line[-1:] != b"}"', ""),
    ("journal", ' or b"\\n" in line', ""),
    ("journal", "self._pending_since = self._now\n", "self._pending_since = 0.0\n"),
    (
        "journal",
        "if not self._pending:\n            self._pending_since",
        "if True:\n            self._pending_since",
    ),
    ("journal", "+= sum(map(len, lines)) + len(lines)", "+= len(lines)"),
    (
        "journal",
        "len(self._pending) >= self.every_records",
        "len(self._pending) > self.every_records",
    ),
    ("journal", "now - self._pending_since >= self", "now - self._pending_since > self"),
    ("journal", "        self._now = now\n", ""),
    ("journal", " or not self._committed", ""),
    ("journal", "        self._committed = True\n", ""),
    # -- journal: committing
    ("journal", "            self._storage.fdatasync(self._part)\n", ""),
    (
        "journal",
        "write_all(self._storage, self._part, data, self._safe.size)",
        "self._storage.pwrite(self._part, data, self._safe.size)",
    ),
    ("journal", "self._stop(error, cut=True)", "self._stop(error)"),
    ("journal", "zlib.crc32(data, self._safe.crc32)", "zlib.crc32(data)"),
    (
        "journal",
        "self._safe.failed + self._pending_failed,\n        )\n        self._pending,",
        "self._pending_failed,\n        )\n        self._pending,",
    ),
    ("journal", '        self._put_mark("open")\n', ""),
    (
        "journal",
        "        self._require_in_place()\n        try:\n            write_all",
        "        try:\n            write_all",
    ),
    ("in_place", "if not ours.same_file(named):", "if named is None:"),
    ("in_place", "ours.size != size", "ours.size < size"),
    ("journal", "        if self._broken is not None:\n            raise self._broken\n", ""),
    ("journal", "if not self._pending and self._broken is None:", "if not self._pending:"),
    ("journal", 'f" at line {self._safe.count + 1}"', 'f" at line {self.count + 1}"'),
    # -- journal: finishing
    ("journal", "if self.count != self._expected:", "if self.count > self._expected:"),
    ("journal", "if identify(self._storage, self._part) != self.identity:", "if False:"),
    (
        "journal",
        'self._put_mark("complete", self._storage.fstat(self._part).mtime_ns)\n',
        'self._put_mark("open")\n',
    ),
    (
        "journal",
        "            self._storage.fdatasync(self._marks.fd)\n            self._rename()",
        "            self._rename()",
    ),
    ("journal", '            self._put_mark("cut")\n', ""),
    (
        "journal",
        '_put_mark("cut")\n            self._storage.fdatasync(self._marks.fd)\n',
        '_put_mark("cut")\n',
    ),
    ("journal", '_put_mark("cut")', '_put_mark("open")'),
    ("journal", "if count >= self._safe.count:", "if count > self._safe.count:"),
    ("opening", 'if mark.state != "cut":', "if True:"),
    (
        "journal",
        "storage.rename_new(paths.part, paths.results)",
        "storage.rename(paths.part, paths.results)",
    ),
    ("journal", "            if not ours:\n", "            if False:\n"),
    ("journal", "        storage.fsync_dir(paths.results.parent)\n", ""),
    ("journal", "        self.finished = True\n", ""),
    (
        "journal",
        "        self.finished = True\n        self.close()\n",
        "        self.finished = True\n",
    ),
    # -- opening
    ("opening", "found is not None and found[0].run == run", "found is not None"),
    ("opening", "    if part_size:\n", "    if False:\n"),
    ("opening", "mark.count > expected or ", ""),
    ("opening", "    if part is None and mark.size:\n", "    if False:\n"),
    ("opening", "replaces is None or final.size != replaces.size", "replaces is None"),
    (
        "opening",
        "if final is not None and (replaces is None",
        "if final is not None and False and (replaces is None",
    ),
    ("opening", "    require_marked(storage, found.part, path, mark, fits)\n", ""),
    ("opening", "mark.size), expected, fits)", "mark.size), expected)"),
    ("recovery", " or not fits(line, prefix.count):", ":"),
    ("opening", "        storage.ftruncate(found.part, safe.size)\n", "        pass\n"),
    ("opening", "    storage.fsync(found.part)\n", ""),
    ("opening", '        found.marks.put(safe.mark("open"))\n', "        pass\n"),
    (
        "opening",
        "        storage.fsync_dir(paths.directory)\n        storage.fsync_dir(paths.results.parent)\n",
        "        storage.fsync_dir(paths.directory)\n",
    ),
    ("opening", "        undo.pop_all()\n", "        undo.pop_all().close()\n"),
    ("opening", "    if not storage.fstat(found.part).regular:\n", "    if False:\n"),
    # -- recovery
    ("recovery", "if not whole or prefix.count >= limit:", "if prefix.count >= limit:"),
    ("recovery", "if not whole or prefix.count >= limit:", "if not whole:"),
    (
        "recovery",
        "record.check(line, prefix.count)",
        "record.check(line, record.parse(line).index)",
    ),
    ("recovery", "        self.size += len(line) + 1\n", "        self.size += len(line)\n"),
    (
        "recovery",
        'zlib.crc32(b"\\n", zlib.crc32(line, self.crc32))',
        "zlib.crc32(line, self.crc32)",
    ),
    ("recovery", "    if size < mark.size:\n", "    if False:\n"),
    (
        "recovery",
        "blocks(storage, fd, 0, size):\n        crc32 =",
        "blocks(storage, fd, 0):\n        crc32 =",
    ),
    ("recovery", "if len(rest) > record.MAX_LINE:", "if False:"),
    ("recovery", "    if trusted and (found.size,", "    if (found.size,"),
    (
        "recovery",
        "    if trusted and (found.size, found.mtime_ns)",
        "    if trusted and (found.size, 1)",
    ),
    (
        "recovery",
        "        require_marked(storage, fd, path, mark, fits)\n    if found",
        "        pass\n    if found",
    ),
    ("recovery", "    if found.size > mark.size:\n", "    if False:\n"),
    ("recovery", "        rest = whole.pop()\n", '        rest = b""\n'),
    # -- the mark
    ("mark", 'slot[:9] != b"%08x " % zlib.crc32(text)', "False"),
    (
        "mark",
        "return max(found, key=lambda pair: pair[0].seq)",
        "return min(found, key=lambda pair: pair[0].seq)",
    ),
    ("mark", "mark.to_slot(), (1 - self._slot) * APART)", "mark.to_slot(), self._slot * APART)"),
    ("mark", "seq=self.mark.seq + 1)", "seq=self.mark.seq)"),
    ("mark", "self.mark, self._slot = mark, 1 - self._slot", "self.mark = mark"),
    # -- generations
    ("generation", "part.size and not fresh:", "part.size and False:"),
    ("generation", "if final is not None and manifest.replaces is None:", "if False:"),
    (
        "generation",
        "            storage.fsync_dir(paths.next)\n            storage.fsync_dir(paths.directory)\n",
        "            pass\n",
    ),
    ("generation", "    storage.unlink(paths.part)\n", ""),
    ("generation", "    storage.fsync_dir(paths.results.parent)\n", ""),
    ("generation", "    storage.unlink(paths.commit)\n", ""),
    (
        "generation",
        "        storage.rename(paths.next_inputs, paths.inputs)\n        storage.fsync_dir(paths.directory)\n",
        "        storage.rename(paths.next_inputs, paths.inputs)\n",
    ),
    (
        "generation",
        "    storage.rename(paths.next_manifest, paths.manifest)\n    storage.fsync_dir(paths.directory)\n",
        "    storage.rename(paths.next_manifest, paths.manifest)\n",
    ),
    # -- storage
    ("storage", "        if written <= 0:\n", "        if False:\n"),
    ("storage", "        offset += written\n", ""),
    ("storage", "        if durable:\n            storage.fsync(fd)\n", ""),
    ("storage", "    if durable:\n        storage.fsync_dir(path.parent)\n", ""),
    # -- lock
    ("lock", "if not storage.fstat(fd).same_file(storage.stat(path)):", "if False:"),
    (
        "lock",
        "            holder = _holder(storage, fd)\n            storage.close(fd)\n",
        "            holder = _holder(storage, fd)\n",
    ),
    ("lock", "    storage.ftruncate(fd, 0)\n", ""),
)
