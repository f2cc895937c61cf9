"""The folders of xmen, of every generation: found, read and shown as records; never changed."""
