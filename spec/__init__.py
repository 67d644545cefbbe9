"""The contract: OpenAPI documents with meanings, and the only code that reads them."""
