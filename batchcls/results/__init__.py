"""Everything about the results file: its lines, its journal, its manifest, its lock."""
