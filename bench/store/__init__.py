"""What is kept on disk: the run folder, its tables and the embedding cache, all behind `put_if_absent`."""
