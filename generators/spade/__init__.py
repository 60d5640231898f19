"""The generator `spade`: a plain SPADE autoencoder, the baseline and the smallest example of a trained generator."""
