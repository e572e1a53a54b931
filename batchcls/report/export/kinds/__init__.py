"""The kinds of export, a module each; `batchcls.report.export.kind` lists them."""
