"""The training of `face_parser`: faces with labels, complete or partial, strong augmentation, evaluation."""
