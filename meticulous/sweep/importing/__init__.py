"""Make experiment folders of ours from those of other tools, which are only read."""
