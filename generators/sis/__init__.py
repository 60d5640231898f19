"""The generator `sis`: identity-injecting semantic image synthesis. A face from its mask, its styles, an identity."""
