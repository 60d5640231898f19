"""The training of `attribute_judge`: faces with attributes that networks predicted; its agreement with true ones."""
