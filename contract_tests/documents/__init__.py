"""Vendor documents: read what a provider's page says, and name its defects against the contract.

`lint.lint(path, contracts)` is the way in. A document is read by one module per shape (`apifox_export`, `apifox_page`,
`postman`, `openapi`; the registry is `reading.SHAPES`) into a `document.Document`, in which everything knows its place;
the rules (`rules/`, one module per subject) compare it with the contract.
"""
