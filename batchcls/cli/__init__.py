"""The command line: arguments into one call each, and what comes of it into text and exit codes."""
