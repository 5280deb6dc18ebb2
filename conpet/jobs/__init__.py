"""What the sub-commands do: inputs and outputs are paths, settings come from the config."""
