"""Backbones, adapters, and where their weights come from."""
