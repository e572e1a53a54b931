"""Images that are objects of a store: listed in pages, read one by one, never another version."""
