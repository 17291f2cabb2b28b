"""Parts and other forms of one clip: its tail, a frame, a picture or sound made to fit."""
