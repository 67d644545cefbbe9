"""The rules, one module per subject; `defects.catalogue()` has them all."""
