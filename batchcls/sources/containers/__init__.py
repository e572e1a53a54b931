"""Files that hold images: listed once, each member reached at once by its place ever after."""
