"""The mock: writes meanings. An aiohttp server that behaves as the contract says, or as one provider does."""
