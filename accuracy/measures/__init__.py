"""One module per measure; each exports MEASURE."""
