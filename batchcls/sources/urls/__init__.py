"""Images that web servers have: a list names their addresses, a line each."""
