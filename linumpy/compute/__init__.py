"""Where and how arrays are computed: namespaces, blocks, resampling."""
