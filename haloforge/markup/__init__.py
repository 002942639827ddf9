"""What the page and a report on disk are written with: elements, numbers, colours and coloured code."""
