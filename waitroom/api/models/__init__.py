"""What the owner API takes and answers, beside the plain data of ``control/views.py``."""
