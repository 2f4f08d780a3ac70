"""The reference desk phone: a boot loader with the root of trust, and the application that it starts (P5)."""
