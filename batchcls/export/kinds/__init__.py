"""The kinds of export, a module each; `batchcls.export.kind` lists them."""
