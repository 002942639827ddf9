"""The app in the browser. `studio` makes and serves the page; the process that plans runs loads none of that."""
