"""The app: `python app.py`, `gradio app.py`, or a Hugging Face Space. `halo-forge app` is the same with options."""

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    sys.path.append(sys.path.pop(0))  # this folder comes last: a random.py in it stands for no module of Python

from haloforge.ui import space, studio

demo = studio.build()

if __name__ == "__main__":
    studio.launch(space.address(), demo)
