"""Pipelines that come with the package: `halo-forge run NAME`."""
