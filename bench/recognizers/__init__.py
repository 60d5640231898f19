"""Recognizers: from canonical crops to embeddings."""
