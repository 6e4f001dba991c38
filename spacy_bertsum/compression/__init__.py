"""Making a trained encoder cheaper: fewer pieces, layers and heads, and 8-bit integers."""
