"""Where images come from: sources are listed once into a frozen list, then read one by one."""
