"""Names to weights: the embedded model, folders, adapters and the Hub; merging and export."""
