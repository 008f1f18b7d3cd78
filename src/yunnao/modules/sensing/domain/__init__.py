"""Pure parts of sensing: decoding to columns, rules over columns, plans of partitions."""
