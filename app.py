"""The app: `python app.py`, `gradio app.py`, or a Hugging Face Space. `halo-forge app` is the same with options."""

from haloforge import ui
from haloforge.ui import space

demo = ui.build()

if __name__ == "__main__":
    ui.launch(space.address(), demo)
