"""The worker process: its mailbox, its pipeline, its sandbox. Expendable at any instruction."""
