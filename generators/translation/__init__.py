"""The generator `translation`: attributes of a face changed, by label or by a reference; docs/translation.md."""
