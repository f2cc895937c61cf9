"""What the program was told, from any argparse parser or plain words, and our own options."""
